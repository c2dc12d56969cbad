/** Vectors for tests, and a plain float64 search to compare with. @module */
import { compareIds, Random } from "../../../src/core/index.js"

/** Ids that are not in order. */
export function shuffledIds(count: number, seed: number): string[] {
  return new Random(seed, "ids").shuffle(Array.from({ length: count }, (_, i) => `v${i}`))
}

export function normalVectors(count: number, dimension: number, seed: number): Float32Array[] {
  const random = new Random(seed, "vectors")
  return Array.from({ length: count }, () => Float32Array.from({ length: dimension }, () => random.normal()))
}

/** Vectors around few centres, as those of texts are. */
export function clusteredVectors(count: number, dimension: number, seed: number, centres = 40): Float32Array[] {
  const middles = normalVectors(centres, dimension, seed + 1)
  const random = new Random(seed, "clusters")
  return Array.from({ length: count }, () => {
    const middle = middles[random.integer(centres)]!
    return Float32Array.from(middle, (value) => value + 0.6 * random.normal())
  })
}

/** Small whole numbers: dot products are exact in float32 and float64, and often equal. */
export function wholeVectors(count: number, dimension: number, seed: number, largest = 2): Float32Array[] {
  const random = new Random(seed, "whole")
  return Array.from({ length: count }, () =>
    Float32Array.from({ length: dimension }, () => random.integer(2 * largest + 1) - largest),
  )
}

export function dot(left: Float32Array, right: Float32Array): number {
  let sum = 0
  for (let i = 0; i < left.length; i++) sum += left[i]! * right[i]!
  return sum
}

export function cosine(left: Float32Array, right: Float32Array): number {
  return dot(left, right) / Math.sqrt(dot(left, left) * dot(right, right))
}

/** The k best by float64, equal scores by id. */
export function search(
  ids: readonly string[],
  vectors: readonly Float32Array[],
  query: Float32Array,
  k: number,
  score: (left: Float32Array, right: Float32Array) => number,
  fits: (id: string) => boolean = () => true,
): { id: string; score: number }[] {
  return ids
    .map((id, index) => ({ id, score: score(vectors[index]!, query) }))
    .filter(({ id }) => fits(id))
    .sort((a, b) => b.score - a.score || compareIds(a.id, b.id))
    .slice(0, k)
}

/** The part of the expected ids that was found, over all queries. */
export function recall(
  found: readonly (readonly { id: string }[])[],
  expected: readonly (readonly { id: string }[])[],
): number {
  let hits = 0
  let all = 0
  expected.forEach((list, index) => {
    const ids = new Set(found[index]!.map(({ id }) => id))
    hits += list.filter(({ id }) => ids.has(id)).length
    all += list.length
  })
  return hits / all
}
