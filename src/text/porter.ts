/**
 * Porter's stemmer for English: M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, with the two
 * departures of its author's own later programs (`bli` for `abli`, and `logi` to `log` in step 2), as Lucene has it.
 * @module
 */

const vowels = new Uint8Array(0x10000)
for (const letter of "aeiou") vowels[letter.charCodeAt(0)] = 1
const Y = 0x79

/** The letters of the word at hand; only the first `length` of them count. One buffer for all calls. */
let letters = new Uint16Array(64)
let length = 0
/** How many letters from the start are still those of the word. */
let kept = 0

/** Whether the letter is a consonant; y is one at the start and behind a vowel, so that they alternate in a run of y. */
function isConsonant(index: number): boolean {
  let start = index
  while (start > 0 && letters[start] === Y) start--
  return (vowels[letters[start]] === 0) === ((index - start) % 2 === 0)
}

/** m: how many times vowels are followed by consonants among the first `end` letters. */
function measure(end: number): number {
  let count = 0
  let wasConsonant = true
  for (let index = 0; index < end; index++) {
    // The same as isConsonant, carried along so that a run of y costs no recursion.
    const consonant: boolean = letters[index] === Y ? index === 0 || !wasConsonant : vowels[letters[index]] === 0
    if (consonant && !wasConsonant) count++
    wasConsonant = consonant
  }
  return count
}

/** *v*: whether there is a vowel among the first `end` letters. */
function hasVowel(end: number): boolean {
  for (let index = 0; index < end; index++) if (!isConsonant(index)) return true
  return false
}

/** *d: whether the first `end` letters end in a double consonant. */
function endsInDouble(end: number): boolean {
  return end >= 2 && letters[end - 1] === letters[end - 2] && isConsonant(end - 1)
}

/** *o: whether the first `end` letters end in consonant, vowel, consonant, the last none of w, x, y. */
function endsShort(end: number): boolean {
  if (end < 3 || !isConsonant(end - 1) || isConsonant(end - 2) || !isConsonant(end - 3)) return false
  const last = letters[end - 1]
  return last !== 0x77 && last !== 0x78 && last !== Y
}

function endsWith(suffix: string): boolean {
  const start = length - suffix.length
  if (start < 0) return false
  for (let index = 0; index < suffix.length; index++)
    if (letters[start + index] !== suffix.charCodeAt(index)) return false
  return true
}

/** Puts `replacement` behind the first `stem` letters. */
function replaceFrom(stem: number, replacement: string): void {
  kept = Math.min(kept, stem)
  for (let index = 0; index < replacement.length; index++) letters[stem + index] = replacement.charCodeAt(index)
  length = stem + replacement.length
}

type Rule = readonly [suffix: string, replacement: string]

/** The rules of a step by the letter that tells them apart, so that a word is compared with few suffixes. */
function byLetter(fromEnd: number, rules: readonly Rule[]): ReadonlyMap<number, readonly Rule[]> {
  const groups = new Map<number, Rule[]>()
  for (const rule of rules) {
    const letter = rule[0].charCodeAt(rule[0].length - fromEnd)
    groups.set(letter, [...(groups.get(letter) ?? []), rule])
  }
  return groups
}

// biome-ignore format: one line per letter
const step2 = byLetter(2, [
  ["ational", "ate"], ["tional", "tion"],
  ["enci", "ence"], ["anci", "ance"],
  ["izer", "ize"],
  ["bli", "ble"], ["alli", "al"], ["entli", "ent"], ["eli", "e"], ["ousli", "ous"],
  ["ization", "ize"], ["ation", "ate"], ["ator", "ate"],
  ["alism", "al"], ["iveness", "ive"], ["fulness", "ful"], ["ousness", "ous"],
  ["aliti", "al"], ["iviti", "ive"], ["biliti", "ble"],
  ["logi", "log"],
])

// biome-ignore format: one line per letter
const step3 = byLetter(1, [
  ["icate", "ic"], ["ative", ""], ["alize", "al"],
  ["iciti", "ic"],
  ["ical", "ic"], ["ful", ""],
  ["ness", ""],
])

// biome-ignore format: one line per letter
const step4 = byLetter(2, [
  ["al", ""], ["ance", ""], ["ence", ""], ["er", ""], ["ic", ""], ["able", ""], ["ible", ""],
  ["ant", ""], ["ement", ""], ["ment", ""], ["ent", ""],
  ["ion", ""], ["ou", ""], ["ism", ""], ["ate", ""], ["iti", ""], ["ous", ""], ["ive", ""], ["ize", ""],
])

/** The first rule whose suffix fits decides, whether or not its stem is long enough to lose it. */
function applyFirst(rules: ReadonlyMap<number, readonly Rule[]>, fromEnd: number, atLeast: number): void {
  for (const [suffix, replacement] of rules.get(letters[length - fromEnd]) ?? []) {
    if (!endsWith(suffix)) continue
    const stem = length - suffix.length
    // In step 4 -ion goes only behind s or t.
    if (suffix === "ion" && !(stem > 0 && (letters[stem - 1] === 0x73 || letters[stem - 1] === 0x74))) return
    if (measure(stem) >= atLeast) replaceFrom(stem, replacement)
    return
  }
}

/** Steps 1a, 1b and 1c: plurals, -ed and -ing, y to i. */
function stripInflection(): void {
  if (letters[length - 1] === 0x73) {
    if (endsWith("sses")) length -= 2
    else if (endsWith("ies")) replaceFrom(length - 3, "i")
    else if (letters[length - 2] !== 0x73) length--
  }
  if (endsWith("eed")) {
    if (measure(length - 3) > 0) length--
  } else {
    const suffix = endsWith("ed") ? 2 : endsWith("ing") ? 3 : 0
    if (suffix > 0 && hasVowel(length - suffix)) {
      length -= suffix
      if (endsWith("at") || endsWith("bl") || endsWith("iz")) replaceFrom(length, "e")
      else if (endsInDouble(length)) {
        const last = letters[length - 1]
        if (last !== 0x6c && last !== 0x73 && last !== 0x7a) length--
      } else if (measure(length) === 1 && endsShort(length)) replaceFrom(length, "e")
    }
  }
  if (letters[length - 1] === Y && hasVowel(length - 1)) replaceFrom(length - 1, "i")
}

/** Step 5: a last -e, and -ll behind a long stem. */
function tidy(): void {
  if (letters[length - 1] === 0x65) {
    const size = measure(length - 1)
    if (size > 1 || (size === 1 && !endsShort(length - 1))) length--
  }
  if (letters[length - 1] === 0x6c && endsInDouble(length) && measure(length) > 1) length--
}

/** The stem of a word in lower case; words of one or two UTF-16 units stay as they are. */
export function porterStem(word: string): string {
  length = kept = word.length
  if (length <= 2) return word
  if (length + 1 > letters.length) letters = new Uint16Array(length * 2)
  for (let index = 0; index < length; index++) letters[index] = word.charCodeAt(index)
  stripInflection()
  applyFirst(step2, 2, 1)
  applyFirst(step3, 1, 1)
  applyFirst(step4, 2, 2)
  tidy()
  if (kept >= length) return word.slice(0, length)
  let stem = word.slice(0, kept)
  for (let index = kept; index < length; index++) stem += String.fromCharCode(letters[index])
  return stem
}
