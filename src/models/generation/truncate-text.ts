/** Cuts a text to a number of tokens. @module */

/**
 * The longest beginning of the text, in whole characters, that `count` gives at most `maxTokens` for.
 *
 * Counts may fall by one or two where a word is completed; of several beginnings that fit, a nearly longest one is found.
 */
export function truncateText(text: string, maxTokens: number, count: (text: string) => number): string {
  if (maxTokens <= 0) return ""
  // No token of a common vocabulary is longer than this on average over a text: a book is not read whole.
  let high = Math.min(text.length, maxTokens * 24 + 64)
  if (high === text.length && count(text) <= maxTokens) return text
  while (high < text.length && count(text.slice(0, high)) <= maxTokens) high = Math.min(text.length, high * 2)
  if (high === text.length && count(text) <= maxTokens) return text
  let low = 0
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (count(text.slice(0, middle)) <= maxTokens) low = middle
    else high = middle
  }
  // Not through the middle of a character that takes two units.
  const code = text.charCodeAt(low - 1)
  return text.slice(0, code >= 0xd800 && code < 0xdc00 ? low - 1 : low)
}
