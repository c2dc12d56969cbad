/**
 * Lower case per code point, as Java's Character.toLowerCase and thus Lucene's LowerCaseFilter do it. JavaScript's own
 * differs in two letters: it keeps the dot of İ as a second code point, and writes Σ at the end of a word as ς.
 */
export function lowerCase(text: string): string {
  if (!/[\u0130\u03a3]/.test(text)) return text.toLowerCase()
  return text.replaceAll("\u0130", "i").replaceAll("\u03a3", "\u03c3").toLowerCase()
}
