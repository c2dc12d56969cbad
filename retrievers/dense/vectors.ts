/** Checks vectors before they enter an index or a search. @module */
import { RankineError } from "../../src/core/errors.js"
import type { Metric } from "./engine.js"

/** Beyond this length a dot product can leave the range of float32. */
const LONGEST = 1e18

/**
 * A copy of the vector as the index compares it: of length 1 for `cosine`. A vector of zeros stays as it is, its score is 0 with everything.
 * `what` names the vector in messages. Throws `argument` for another dimension, `data` for NaN, infinite and far too large numbers.
 */
export function prepareVector(
  vector: Float32Array,
  dimension: number,
  metric: Metric,
  what: () => string,
): Float32Array {
  if (vector.length !== dimension)
    throw new RankineError(
      "argument",
      `${what()} has ${vector.length} numbers and the index ${dimension} dimensions: encode it with the index's model`,
    )
  let sum = 0
  for (let i = 0; i < dimension; i++) sum += vector[i]! * vector[i]!
  const norm = Math.sqrt(sum)
  if (!(norm <= LONGEST)) {
    const at = vector.findIndex((value) => !Number.isFinite(value))
    const found = at >= 0 ? `holds ${vector[at]} at position ${at}` : `has length ${norm}, more than ${LONGEST}`
    throw new RankineError(
      "data",
      `${what()} ${found}: nothing can be compared with it, look at the model that made it`,
    )
  }
  const copy = vector.slice()
  if (metric === "cosine" && norm > 0) for (let i = 0; i < dimension; i++) copy[i] = copy[i]! / norm
  return copy
}

/** Whether a vector has no direction. */
export function isZero(vector: Float32Array): boolean {
  return vector.every((value) => value === 0)
}
