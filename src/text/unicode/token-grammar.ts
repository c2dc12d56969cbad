/**
 * The tokens of Lucene's StandardTokenizer as rules: the word break rules of UAX #29 (Unicode 12.1) in the form of
 * regular expressions, the emoji sequences of UTS #51 (version 12.0), one token per ideograph and per Hiragana sign.
 * @module
 */
import {
  type Automaton,
  anyNumber,
  atLeastOne,
  compile,
  type Expression,
  either,
  oneOf,
  optional,
  separated,
  sequence,
} from "./automaton.js"
import { classSets, type WordBreakSet } from "./word-break-data.js"

/** Kinds of tokens; the number is the rule's place in the grammar. */
export const tokenKinds = {
  emoji: 1,
  number: 2,
  hangul: 3,
  katakana: 4,
  word: 5,
  southeastAsian: 6,
  ideograph: 7,
  hiragana: 8,
} as const

const set = (...sets: WordBreakSet[]): Expression => oneOf(...sets)

/** WB4: marks, format characters and joiners belong to the character before them. */
const extended = (...sets: WordBreakSet[]): Expression =>
  sequence(set(...sets), anyNumber(set("Extend", "Joiner", "TextStyle", "EmojiStyle")))

/** The same without the two style selectors, which have a meaning of their own in emoji sequences. */
const extendedInEmoji = (...sets: WordBreakSet[]): Expression =>
  sequence(set(...sets), anyNumber(set("Extend", "Joiner")))

const connectors = anyNumber(extended("Connector"))

/** UTS #51: an emoji, perhaps in emoji style, or with a skin tone. */
const emojiElement = either(
  sequence(anyNumber(set("Joiner")), extendedInEmoji("Emoji"), optional(set("EmojiStyle"))),
  sequence(optional(sequence(anyNumber(set("Joiner")), extendedInEmoji("ModifierBase"))), extendedInEmoji("Modifier")),
)
const emoji = either(
  separated(emojiElement, set("Joiner")),
  sequence(emojiElement, atLeastOne(set("TagSpec")), set("TagEnd")),
  sequence(extendedInEmoji("KeycapBase"), optional(set("EmojiStyle")), extendedInEmoji("Keycap")),
  sequence(extended("Flag"), extended("Flag")),
)

/** WB8, WB11, WB12: digits, with connectors or one mark such as a decimal point between them. */
const digits = separated(extended("Digit"), either(connectors, extended("MidNumber", "MidBoth", "SingleQuote")))

/** WB5 to WB7: letters, with connectors or one mark such as an apostrophe between them. */
const letters = separated(
  extended("Letter", "Hebrew"),
  either(connectors, extended("MidLetter", "MidBoth", "SingleQuote")),
)

/** WB7a to WB7c: Hebrew letters with their geresh and gershayim. */
const hebrew = sequence(
  extended("Hebrew"),
  either(extended("SingleQuote"), sequence(extended("DoubleQuote"), extended("Hebrew"))),
)

/** WB13: Katakana do not join with letters or digits except over a connector. */
const katakana = separated(extended("Katakana"), connectors)

/** WB13a, WB13b: connectors join parts and may stand at both ends. */
const word = sequence(
  connectors,
  separated(either(katakana, atLeastOne(either(hebrew, digits, letters))), atLeastOne(extended("Connector"))),
  connectors,
)

const rules: readonly Expression[] = [
  emoji,
  sequence(connectors, digits, connectors),
  atLeastOne(extended("Hangul")),
  atLeastOne(extended("Katakana")),
  word,
  atLeastOne(extended("SoutheastAsian")),
  extended("Han"),
  extended("Hiragana"),
]

let automaton: Automaton | undefined

/** The automaton of the grammar, built at the first call. */
export function tokenAutomaton(): Automaton {
  return (automaton ??= compile(rules, classSets))
}
