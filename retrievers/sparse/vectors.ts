/** Sparse vectors: checking them, and leaving out what weighs little. @module */
import { RankineError } from "../../src/core/errors.js"
import type { SparseVector } from "../../src/models/sparse-encoder.js"

/** Throws `data` unless ids ascend below `vocabulary`, and weights are numbers of at least 0. `owner` is whose vector it is. */
export function checkVector({ ids, weights }: SparseVector, vocabulary: number, owner: string): void {
  const wrong = (what: string) => new RankineError("data", `the vector of ${owner} ${what}`)
  if (ids.length !== weights.length)
    throw wrong(`has ${ids.length} ids and ${weights.length} weights: give one weight for each id`)
  for (let i = 0; i < ids.length; i++) {
    if (i > 0 && ids[i]! <= ids[i - 1]!) throw wrong("has ids out of order: sort them, each once")
    if (!(weights[i]! >= 0 && weights[i]! < Number.POSITIVE_INFINITY))
      throw wrong(`has the weight ${weights[i]}: weights must be numbers of at least 0`)
  }
  if (ids.length > 0 && ids[ids.length - 1]! >= vocabulary)
    throw wrong(`has the id ${ids[ids.length - 1]}: the model's vocabulary has ${vocabulary} terms`)
}

/** The terms above a weight, at most so many: the heaviest, of equal ones those with the lower id. */
export function keepHeaviest(vector: SparseVector, threshold: number, most = Number.POSITIVE_INFINITY): SparseVector {
  const { ids, weights } = vector
  const places: number[] = []
  for (let i = 0; i < ids.length; i++) if (weights[i]! > threshold) places.push(i)
  if (places.length === ids.length && ids.length <= most) return vector
  if (places.length > most) {
    places.sort((left, right) => weights[right]! - weights[left]! || left - right)
    places.length = most
    places.sort((left, right) => left - right)
  }
  return {
    ids: Uint32Array.from(places, (place) => ids[place]!),
    weights: Float32Array.from(places, (place) => weights[place]!),
  }
}
