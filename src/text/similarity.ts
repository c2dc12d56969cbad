/** How alike two texts are, by their terms: for near-duplicate removal and for diversity (MMR). @module */
import { RankineError } from "../core/errors.js"
import type { Analyzer } from "./analyzer.js"

/** How often each term occurs in a text, and the Euclidean length of that vector. */
export interface TermVector {
  readonly counts: ReadonlyMap<string, number>
  readonly norm: number
}

export function termVector(terms: Iterable<string>): TermVector {
  const counts = new Map<string, number>()
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1)
  let squares = 0
  for (const count of counts.values()) squares += count * count
  return { counts, norm: Math.sqrt(squares) }
}

/** Cosine of two term vectors, 0 to 1. Two empty ones are alike (1), an empty one is like no other (0). */
export function cosine(left: TermVector, right: TermVector): number {
  if (left.norm === 0 || right.norm === 0) return left.norm === right.norm ? 1 : 0
  const [small, large] = left.counts.size <= right.counts.size ? [left, right] : [right, left]
  let product = 0
  for (const [term, count] of small.counts) product += count * (large.counts.get(term) ?? 0)
  return Math.min(1, product / (left.norm * right.norm))
}

/** Cosine of the term frequencies of two texts, 0 to 1. For many comparisons keep the vectors: `termVector`, `cosine`. */
export function textCosine(left: string, right: string, analyzer: Analyzer): number {
  return cosine(termVector(analyzer.terms(left)), termVector(analyzer.terms(right)))
}

/**
 * Jaccard's coefficient of the sets of term sequences of length `shingle` (Broder, 1997), 0 to 1, exact.
 * A list with fewer terms counts as one shorter sequence; two empty lists are alike (1).
 *
 * @throws RankineError `argument` for a shingle that is no whole number of at least 1
 */
export function jaccard(left: readonly string[], right: readonly string[], shingle = 3): number {
  if (!Number.isInteger(shingle) || shingle < 1)
    throw new RankineError("argument", `the shingle length must be a whole number of at least 1, got ${shingle}`)
  // Numbers for terms: no separator could keep the joined terms themselves apart for sure.
  const numbers = new Map<string, number>()
  const ours = shingles(left, shingle, numbers)
  const theirs = shingles(right, shingle, numbers)
  if (ours.size === 0 && theirs.size === 0) return 1
  let shared = 0
  for (const sequence of ours) if (theirs.has(sequence)) shared++
  return shared / (ours.size + theirs.size - shared)
}

function shingles(terms: readonly string[], size: number, numbers: Map<string, number>): Set<string> {
  const sequence = terms.map((term) => {
    let number = numbers.get(term)
    if (number === undefined) numbers.set(term, (number = numbers.size))
    return number
  })
  if (sequence.length === 0) return new Set()
  const sequences = new Set<string>()
  for (let start = 0; start === 0 || start + size <= sequence.length; start++)
    sequences.add(sequence.slice(start, start + size).join())
  return sequences
}
