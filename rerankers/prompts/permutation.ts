/** The one place where labels in an answer become an order. @module */

/** What was amiss in an answer's labels. */
export interface PermutationRepairs {
  /** Labels that name no document. */
  readonly invalid: number
  readonly duplicates: number
  /** Documents that the answer left out; they follow in the order in which they were shown. */
  readonly missing: number
}

export interface Permutation {
  /** All positions from 0 to count - 1, the best first. */
  readonly order: readonly number[]
  readonly repairs: PermutationRepairs
  readonly repaired: boolean
}

/**
 * An order of all of `count` documents from what an answer named: unknown positions are dropped, repeated ones count where they stand first,
 * missing ones are appended in the order in which they were shown.
 */
export function normalisePermutation(positions: readonly number[], count: number): Permutation {
  const order: number[] = []
  const seen = new Set<number>()
  let invalid = 0
  let duplicates = 0
  for (const position of positions) {
    if (!Number.isInteger(position) || position < 0 || position >= count) invalid++
    else if (seen.has(position)) duplicates++
    else {
      seen.add(position)
      order.push(position + 0) // makes a negative zero 0
    }
  }
  const missing = count - order.length
  for (let position = 0; position < count; position++) if (!seen.has(position)) order.push(position)
  return { order, repairs: { invalid, duplicates, missing }, repaired: invalid + duplicates + missing > 0 }
}

/** The label of a position: 1, 2, 3 or A, B, C. */
export function labelOf(position: number, labels: "number" | "letter"): string {
  return labels === "number" ? String(position + 1) : String.fromCharCode(65 + position)
}

/** The position of a label, -1 for one that is none. Only ASCII digits and letters are labels. */
export function positionOf(label: string, labels: "number" | "letter"): number {
  const text = label.trim()
  if (labels === "number") return /^[0-9]{1,9}$/.test(text) ? Number(text) - 1 : -1
  return /^[A-Za-z]$/.test(text) ? text.toUpperCase().charCodeAt(0) - 65 : -1
}
