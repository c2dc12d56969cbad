/** Tells texts that are plainly not in a model's languages, by their letters and, for Latin letters, their commonest words. @module */
import type { Warning } from "../../core/ranking.js"

/** The scripts that a language is written in; those that are not here use Latin letters. */
const scriptsOf: Readonly<Record<string, readonly string[]>> = {
  am: ["Ethiopic"],
  ar: ["Arabic"],
  be: ["Cyrillic"],
  bg: ["Cyrillic"],
  bn: ["Bengali"],
  el: ["Greek"],
  fa: ["Arabic"],
  gu: ["Gujarati"],
  he: ["Hebrew"],
  hi: ["Devanagari"],
  hy: ["Armenian"],
  ja: ["Han", "Hiragana", "Katakana"],
  ka: ["Georgian"],
  kk: ["Cyrillic"],
  km: ["Khmer"],
  kn: ["Kannada"],
  ko: ["Hangul", "Han"],
  ky: ["Cyrillic"],
  lo: ["Lao"],
  mk: ["Cyrillic"],
  ml: ["Malayalam"],
  mn: ["Cyrillic"],
  mr: ["Devanagari"],
  my: ["Myanmar"],
  ne: ["Devanagari"],
  pa: ["Gurmukhi"],
  ru: ["Cyrillic"],
  si: ["Sinhala"],
  sr: ["Cyrillic", "Latin"],
  ta: ["Tamil"],
  te: ["Telugu"],
  th: ["Thai"],
  uk: ["Cyrillic"],
  ur: ["Arabic"],
  yi: ["Hebrew"],
  zh: ["Han"],
}

const scripts = ["Latin", ...new Set(Object.values(scriptsOf).flat())].filter(
  (script, index, all) => all.indexOf(script) === index,
)
const patterns = scripts.map((script) => [script, new RegExp(`\\p{Script=${script}}`, "gu")] as const)

/** Words that are frequent in one language. A word that two share counts for both, and so decides nothing between them. */
const commonWords: Readonly<Record<string, ReadonlySet<string>>> = Object.fromEntries(
  Object.entries({
    cs: "a je na se že do by jsem ale jako pro jsou byl po který nebo také",
    da: "og det er at en den til på som de med der ikke et af har fra blev var hvad",
    de: "der die das und ist nicht ein eine zu den mit von sich auf für dem auch wie wird oder sind im wurde was ich",
    en: "the of and to in is that it for was with as are on be this by not or have from at which an what how",
    es: "el la de que y en los se del las un por con no una su para es como más fue qué cómo está",
    fi: "ja on ei se että hän oli mutta kun joka ovat myös mitä niin kuin tai ole",
    fr: "le la les de des et est un une du en que qui dans pour pas au sur ne par avec ce il quelle sont",
    hu: "a az és hogy nem egy is ez volt de van meg csak mint már mi vagy",
    id: "yang dan di itu dengan untuk tidak ini dari dalam akan pada adalah ke apa atau juga",
    it: "il di che la e un in per una non è sono con del si da come le dei della cosa gli nel",
    nl: "de het een van en is dat niet op te zijn met voor ook er aan die wat wordt werd bij",
    pl: "i w nie na się że jest z do to jak co od ale po był przez oraz który",
    pt: "o de que e do da em um para com não uma os no se na por mais as dos como foi é são qual",
    ro: "și de la a în cu pe că nu un o care este din pentru mai sunt ce fost",
    sv: "och att det som en på är av för med till den har inte om ett var vad från de",
    tr: "ve bir bu da de için ile ne çok olarak olan daha gibi mi değil nedir nasıl",
    vi: "là và của có không được cho một người trong những với các này đã gì khi",
  }).map(([language, words]) => [language, new Set(words.split(" "))]),
)

/** Letters that are looked at: the beginning of a text says what it is written in. */
const BEGINNING = 2000
/** Fewer letters than these say nothing of a text. */
const FEWEST_LETTERS = 4
/** So much of a text's letters must be foreign: names and quotations are no mismatch. */
const FOREIGN_SHARE = 0.7
/** Frequent words of another language that must be there, and how many for each one of the model's languages. */
const FEWEST_WORDS = 3
const TIMES_MORE = 3

/**
 * The positions of texts that are plainly in another language than a model was made for.
 *
 * A text counts when seven of ten letters are of scripts that none of the languages uses, or when, in Latin letters, frequent words of
 * another language are there and hardly any of the model's own. A text that is short, mixed, or in a language that cannot be told apart
 * does not count: this finds the gross mistakes, and lets the others pass.
 *
 * @param languages ISO 639 codes as a registry's entry lists them, regions and scripts ignored (`pt-BR` is `pt`); with `multilingual`
 *   among them, or none, nothing is a mismatch
 */
export function languageMismatch(texts: readonly string[], languages: readonly string[] | undefined): number[] {
  const wanted = new Set((languages ?? []).map((language) => language.toLowerCase().split(/[-_]/)[0]))
  if (wanted.size === 0 || wanted.has("multilingual")) return []
  const wantedScripts = new Set([...wanted].flatMap((language) => scriptsOf[language] ?? ["Latin"]))
  return texts.flatMap((text, position) => (isForeign(text, wanted, wantedScripts) ? [position] : []))
}

/** The same as warnings of a result: one with code `language-mismatch` and the count, or none. */
export function warnLanguage(texts: readonly string[], languages: readonly string[] | undefined): Warning[] {
  const count = languageMismatch(texts, languages).length
  return count > 0 ? [{ code: "language-mismatch", count }] : []
}

function isForeign(text: string, wanted: ReadonlySet<string>, wantedScripts: ReadonlySet<string>): boolean {
  const beginning = text.slice(0, BEGINNING)
  // Nearly all texts are ASCII: no need to count scripts that are not there.
  const ascii = !/[^\p{ASCII}]/u.test(beginning)
  let all = 0
  let foreign = 0
  for (const [script, pattern] of ascii ? patterns.slice(0, 1) : patterns) {
    const count = beginning.match(pattern)?.length ?? 0
    all += count
    if (!wantedScripts.has(script)) foreign += count
  }
  if (all < FEWEST_LETTERS) return false
  if (foreign / all >= FOREIGN_SHARE) return true
  return wantedScripts.has("Latin") && isForeignLatin(beginning, wanted)
}

function isForeignLatin(text: string, wanted: ReadonlySet<string>): boolean {
  const known = [...wanted].filter((language) => language in commonWords)
  // Where one of the model's languages has no list, its texts would look like any other's.
  if (known.length < [...wanted].filter((language) => !(language in scriptsOf)).length) return false
  // "Los Angeles" is no Spanish: only the first word may begin with a capital.
  const words = (text.match(/\p{L}+/gu) ?? []).flatMap((word, index) => {
    const lower = word.toLowerCase()
    return index === 0 || word === lower ? [lower] : []
  })
  const hits = (language: string) => words.reduce((sum, word) => sum + (commonWords[language].has(word) ? 1 : 0), 0)
  const own = Math.max(0, ...known.map(hits))
  const others = Object.keys(commonWords).filter((language) => !wanted.has(language))
  const strongest = Math.max(0, ...others.map(hits))
  return strongest >= FEWEST_WORDS && strongest >= TIMES_MORE * own
}
