import { RankineError } from "../../core/errors.js"
import { classLetters, classRuns } from "./word-break-data.js"

let table: Uint8Array | undefined

/** The class of every code point, index into `classSets`. Unpacked at the first call, so that ASCII texts never pay for it. */
export function wordBreakClasses(): Uint8Array {
  if (table) return table
  // Zero pages that nobody writes to take no memory, so the plain array costs no more than a paged one.
  const classes = new Uint8Array(0x110000)
  let position = 0
  for (const [, letter, length] of classRuns.matchAll(/([^0-9a-z])([0-9a-z]*)/g)) {
    const end = position + (length === "" ? 1 : Number.parseInt(length, 36))
    const index = classLetters.indexOf(letter)
    if (index > 0) classes.fill(index, position, end)
    position = end
  }
  if (position > classes.length) throw new RankineError("internal", "the word break table runs past U+10FFFF")
  return (table = classes)
}
