/**
 * Word break and emoji classes of Unicode 12.1, the version that Lucene 9 tokenizes by.
 * JavaScript has neither the Word_Break property nor a fixed Unicode version, hence a table of our own.
 *
 * Runs over all code points from U+0000 upwards: one letter for the class (its place in `classLetters`),
 * then the length in base 36 where it is not 1. What lies behind the last run is in no set.
 * Computed from the properties Word_Break, Script, Line_Break, Emoji, Emoji_Modifier, Emoji_Modifier_Base and
 * Extended_Pictographic as ICU 64.2 gives them (Unicode License).
 * @module
 */

/** The sets that the token grammar is written with. A code point may be in several. */
export type WordBreakSet =
  | "Letter"
  | "Hebrew"
  | "Hangul"
  | "Digit"
  | "Katakana"
  | "Hiragana"
  | "Han"
  | "SoutheastAsian"
  | "MidLetter"
  | "MidNumber"
  | "MidBoth"
  | "SingleQuote"
  | "DoubleQuote"
  | "Connector"
  | "Joiner"
  | "Extend"
  | "TextStyle"
  | "EmojiStyle"
  | "Flag"
  | "Emoji"
  | "ModifierBase"
  | "Modifier"
  | "KeycapBase"
  | "Keycap"
  | "TagSpec"
  | "TagEnd"

export const classLetters = "-ABCDEFGHIJKLMNOPQRSTUVWXYZ*+=/."

/** The sets that the code points of each class are in. Class 0 is in none. */
export const classSets: readonly (readonly WordBreakSet[])[] = [
  [],
  ["Letter"],
  ["Han"],
  ["Hangul", "Letter"],
  ["Emoji"],
  ["Extend"],
  ["Digit"],
  ["SoutheastAsian"],
  ["Katakana"],
  ["Extend", "SoutheastAsian"],
  ["ModifierBase", "Emoji"],
  ["Extend", "TagSpec"],
  ["Hiragana"],
  ["Hebrew"],
  ["Flag"],
  ["MidNumber"],
  ["Connector"],
  ["Digit", "KeycapBase"],
  ["MidLetter"],
  ["MidBoth"],
  ["Emoji", "Letter"],
  ["Modifier", "Extend"],
  ["KeycapBase"],
  ["Han", "Letter"],
  ["DoubleQuote"],
  ["SingleQuote"],
  ["Joiner"],
  ["Extend", "Keycap"],
  ["TextStyle"],
  ["EmojiStyle"],
  ["Extend", "TagEnd"],
]

export const classRuns =
  "-yXV-3Y-2V-O-S-QaRO-5Aq-4P-Aq-1aDA-2ED-6A-R-2A-5An-Av-Adc-6A7-7AkE34A5-A2-2A4OA-6ARA3-A-Ak-A2b-A3v-E7A4m-A12-2" +
  "A-A2-A-A15O-7E19-E-E2-E2-E-8Mr-4M4AR-bE6-6O2-2Eb-E-3A17ElFa-FO-A2EA2r-AE8-E6A2E2-E4A2FaA3-2A-fEAEAuEr-2A2hEbA-" +
  "eFaAxE9A2-2O-A-2E-2AmE4AE9AE3AE5-iApE3-4Ab-1hAl-A8-lE1dA1iE3AEiAE7AaE2-2Fa-AgE3-A8-2A2-2Am-A7-A-3A4-2EAE7-2E2-" +
  "2E3A-8E-4A2-A3E2-2FaA2-aA-E-2E3-A6-4A2-2Am-A7-A2-A2-A2-2E-E5-4E2-2E3-3E-7A4-A-7FaE2A3E-bE3-A9-A3-Am-A7-A2-A5-2" +
  "EAE8-E3-E3-2A-fA2E2-2Fa-9AE6-E3-A8-2A2-2Am-A7-A2-A5-2EAE7-2E2-2E3-8E2-4A2-A3E2-2Fa-A-gEA-A6-3A3-A4-3A2-A-A2-3A" +
  "2-3A3-3Ac-4E5-3E3-E4-2A-6E-eFa-gE5A8-A3-An-Ag-3AE7-E3-E4-7E2-A3-5A2E2-2Fa-gAE3-A8-A3-An-Aa-A5-2EAE7-E3-E4-7E2-" +
  "7A-A2E2-2Fa-A2-dE4-A8-A3-A15E2AE7-E3-E4A-5A3E-7A3E2-2Fa-aA6-2E2-Ai-3Ao-A9-A-2A7-3E-4E6-E-E8-6Fa-2E2-dG1cIG2I7-" +
  "5G7I8-Fa-13G2-G-G5-Go-G-GaIG2I9G-2G5-G-I6-2Fa-2G4-wA-nE2-6Fa-bE-E-E-4E2A8-A10-4Ek-E2A5Eb-E10-9E-1lG17IkGFa-6G6" +
  "I4G4I3GI3G2I7G3I4GdIcGIFaI4G2A12-A-5A-2A17-A4C74A21-A4-2A7-A-A4-2A15-A4-2Ax-A4-2A7-A-A4-2Af-A1l-A4-2A1v-2E3-wA" +
  "g-gA2e-2A6-3Ah8-2Ah-Aq-5A23-3Ab-7Ad-A4E3-bAiE3-bAiE2-cAd-A3-E2-cG1gIw-3G-4GI-2Fa-xE4-Fa-6A2h-7A5E2AyEA-5A1y-aA" +
  "v-Ec-4Ec-aFaGu-2G5-bG18-4Gq-6FaG-3G2-wAnE5-4G1hIa-It-2EFa-6Fa-6Ge-2Ef-1tE5A1bEhA7-4Fa-hE9-cE3AuEdA2FaA18Ee-cA1" +
  "0Ek-8Fa-3A3FaA10-2A9-7A17-2A3-gE3-ElA4EA6EA2E3A-5A5cE1m-E5A7q-2A6-2A12-2A6-2A8-A-A-A-Av-2A1h-A7-A-3A3-A7-3A4-2" +
  "A6-4Ad-5A3-A7-fEZE2-8S2-aS-2R-2E5P-cD-2P2-3O-4D-aP-bE5-Ea-A-dA-gAd-1fEj*Ed-hA-4A-2Aa-A-3A5-4D-A-A-A-A4-AaT-2A4" +
  "-5A5-4A-hA15-bD6-fD2-a7D2-cD-2nD-1yD-pDb-4D3-57AcTA13-5cD2-aD-9D-1mD4-D6-Dc-D9JD2w-aD2xJDc-2D2J4D5-D-D-6D-3D-6" +
  "D-aD2-fD-2D-4D-D-4D3-D-bD5-19D3-9D-eD-eD-acD2-cvD3-jD2-1fD-4D-4qA1b-A1b-A3p-6A4E3A2-cA12-A-5A-2A1k-7A-fEAn-9A7" +
  "-A7-A7-A7-A7-A7-A7-A7-Ew-1bA-28Bq-B2h-cB5y-1bW-B-pB9E6DH5-2B3WAD-3L2e-2E2H2L3H2j-H4-5A17-C2m-hAr-1hHg-47D-D-1i" +
  "H1b-H2g-4oB52u-22Bg6o-gAwd-1vA1a-2A7h-3AgFaA2-kA1bE4-Ea-AvE2A28E2-11A4p-2A5-1cAbEA3EA4EAnE5-oA1g-cE2A1eEi-aFa-" +
  "6EiA6-3A-A2EFaAsE8-2AnEd-cCt-3E4A1bEe-eAFa-6G5IGaFaG5-A15Ee-9A3EA8E2-2Fa-6GrI3G1eIGI3G2I2G5I2GIG-oG5AbE5-2A3E2" +
  "-aA6-2A6-2A6-9A7-A7-A1k-8A37E8-E2-2Fa-6C8mc-cCn-4C1d-6isBa6-2B2y-12A7-cA5-5MEMa-Md-M5-M-M2-M2-MaA2q-xAa3-iA1s-" +
  "2A1i-14Ac-4Ee+=O-2RO-bEg-3P2-oP3O-S-OR-qA5-A3r-2E-7S-4O-S-FaRO-5Aq-4P-Aq-bH1kE2Cv-3C6-2C6-2C6-2C3-sE3-4Ac-Aq-A" +
  "j-A2-Af-2Ae-yA3f-1xA1h-3sE-3mAt-3A1d-fE-vAw-dAu-5A12E5-5Au-2A10-4A8-A5-16A4e-2Fa-6A10-4A10-4A14-8A1g-4cA8n-9Am" +
  "-aA8-48A6-2A-A18-A2-3A-2An-aAn-9Av-1tAj-A2-aAm-aAq-1yA1k-6A2-1sAE3-E2-5E4A4-A3-At-2E3-4E-wAt-3At-zA8-AsE2-pA1i" +
  "-aAm-aAj-dAi-32A21-1jA1f-dA1f-dA10E4-8Fa-cmAt-aA-8AmEb-3zAn-9E3A1hEf-vFa-fE4A19Eb-2E-fE-2Ap-7Fa-6E3A10Ee-Fa-4A" +
  "E2-9AzE-2A-9E3A1cEeA4-4E4-3FaA-A-zAi-ApEc-6E-1tA7-A-A4-Af-Aa-7A1bEc-5Fa-6E4-A8-2A2-2Am-A7-A2-A5-E2AE7-2E2-2E3-" +
  "2A-6E-5A5E2-2E7-3E5-3vA1hEiA4-5Fa-4EA-wA1cEkA2-A-8Fa-4mA1bE7-2E9-nA4E2-yA1cEh-3A-bFa-12A17EdA-7Fa-1iGr-2If-4Fa" +
  "G2-3G-5cA18Ef-2tA1sFa-lA-4gA8-2A13E7-2E7A-AE-rAEaA14E7AE4-8E-8AEbA1aEg-3A-yA1l-7bA9-A11E8-E8A-fFa-oAu-2Em-Ee-2" +
  "1A7-A2-A12E6-3E-E2-E7AE-8Fa-6A6-A2-AwE5-E2-E5A-7Fa-8mAjE4-7dApm-2uA33-hA5g-24cAtr-E9-347Ag7-6ntAft-7Av-Fa-2uAu" +
  "-2E5-bA1cE7-9A4-cFa-9Al-5Aj-j4A1s-3kA23-4EAE1j-7E4Ad-1sA2-A-cnwHL7y-1dL3-hH4-23cA2z-5Ad-3A9-7Aa-3E2-E4-43lE5-3" +
  "Em-2E7-uE4-44E3-cbA2d-A1z-A2-2A-2A2-2A4-Ac-A-A7-A1t-A4-2A8-A7-As-A4-A5-A-3A7-A9g-2Ap-Ap-Av-Ap-Av-Ap-Av-Ap-Av-A" +
  "p-A8-2F1e-e8E1j-4E1e-8E-eE-mE5-Ef-11sE7-Eh-2E7-E2-E5-5xA19-3E7A7-2Fa-4A-a9A18E4Fa-zqA5h-bE7-15A1wE7A-4Fa-x2A4-" +
  "Ar-A2-A-2A-Aa-A4-A-A-6A-4A-A-A-A3-A2-A-2A-A-A-A-A-A2-A-2A4-A7-A4-A4-A-Aa-Ah-5A3-A5-Ah-90D74-dD3-vDAq-6Aq-2D4T2" +
  "AcT2Aa-4D-2Da-iD1lNqLDf-aD-kD-2D9-D4-9D8sJD1oJ3D2JD2J3D1aU5D1uJ2D2JbDlJjD3JD4J3DJ3D7JDJDoJD43-8D1aJ2D4JDlJD4J2" +
  "D4uJ3D3J5-1cDzJDgJ3D9JDbJD1f-38Dc-2dD17-cD4-1kD8-aD6-14D8-uD2a-cD3JD8J8D6JD9JaD-J3D7-D32J2DJ2DJDhJ3DJdD17k-2Bw" +
  "yf-15B379-bB66-2B4g2-eB5rl-2e7Bf2-fherE-uK2n/-3kE6o"
