import { lowerCase } from "./lower-case.js"
import { porterStem } from "./porter.js"

/** The word without a possessive 's (straight, curly or full-width apostrophe), as Lucene's EnglishPossessiveFilter. */
export function stripPossessive(word: string): string {
  const length = word.length
  if (length < 2) return word
  const last = word.charCodeAt(length - 1)
  if (last !== 0x73 && last !== 0x53) return word
  const mark = word.charCodeAt(length - 2)
  return mark === 0x27 || mark === 0x2019 || mark === 0xff07 ? word.slice(0, -2) : word
}

/** From piece to term as Lucene's EnglishAnalyzer: possessive, lower case, stop words, Porter's stemmer. */
export function normalizeEnglish(stopWords: ReadonlySet<string>): (piece: string) => string | undefined {
  return (piece) => {
    const word = lowerCase(stripPossessive(piece))
    return stopWords.has(word) ? undefined : porterStem(word)
  }
}
