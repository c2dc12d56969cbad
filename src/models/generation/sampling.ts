/** Chooses a token from logits: in float64, so that the same numbers give the same token everywhere. @module */
import { RankineError } from "../../core/errors.js"

export interface Filters {
  readonly temperature: number
  readonly topK: number
  readonly topP: number
  readonly minP: number
}

/** The logarithm of the sum of the exponentials. Throws `model` where the model gave no numbers. */
export function logSumExp(logits: ArrayLike<number>): number {
  const most = maximum(logits)
  let sum = 0
  for (let id = 0; id < logits.length; id++) sum += Math.exp(logits[id]! - most)
  return most + Math.log(sum)
}

/** The largest; throws `model` where there is none that is finite. */
function maximum(logits: ArrayLike<number>): number {
  let most = Number.NEGATIVE_INFINITY
  let sum = 0
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!
    if (logit > most) most = logit
    sum += logit
  }
  // A sum of -Infinity only says that tokens are masked.
  if (Number.isNaN(sum) || !Number.isFinite(most))
    throw new RankineError("model", "the model's scores are not numbers: its weights or its precision are damaged")
  return most
}

/** The position of the largest value, of equal ones the first. */
export function greatest(logits: ArrayLike<number>): number {
  const most = maximum(logits)
  let at = 0
  while (logits[at] !== most) at++
  return at
}

/** Positions of the `count` largest values, the largest first, of equal ones the first. */
export function largest(values: ArrayLike<number>, count: number): number[] {
  const wanted = Math.min(count, values.length)
  if (wanted === 0) return []
  const before = (left: number, right: number) => values[right]! - values[left]! || left - right
  if (wanted * 4 >= values.length) return sortedPositions(values).slice(0, wanted)
  // A heap with the last of the chosen on top: most values are passed over after one comparison.
  const heap: number[] = []
  for (let at = 0; at < values.length; at++) {
    if (heap.length === wanted) {
      if (!(values[at]! > values[heap[0]!]!)) continue
      heap[0] = at
      sink(heap, before)
    } else {
      heap.push(at)
      rise(heap, before)
    }
  }
  return heap.sort(before)
}

function sortedPositions(values: ArrayLike<number>): number[] {
  return Array.from({ length: values.length }, (_, at) => at).sort(
    (left, right) => values[right]! - values[left]! || left - right,
  )
}

type Before = (left: number, right: number) => number

function rise(heap: number[], before: Before): void {
  let at = heap.length - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (before(heap[parent]!, heap[at]!) >= 0) return
    ;[heap[parent], heap[at]] = [heap[at]!, heap[parent]!]
    at = parent
  }
}

function sink(heap: number[], before: Before): void {
  let at = 0
  for (;;) {
    let last = at
    for (const child of [2 * at + 1, 2 * at + 2])
      if (child < heap.length && before(heap[child]!, heap[last]!) > 0) last = child
    if (last === at) return
    ;[heap[last], heap[at]] = [heap[at]!, heap[last]!]
    at = last
  }
}

/**
 * Probabilities after temperature and filters, in the order of the logits; 0 for what a filter took away. They sum to 1.
 *
 * Top-k keeps exactly k tokens, top-p the shortest list of the likeliest whose sum reaches p; both settle ties by the lower position.
 * @see Holtzman et al., The curious case of neural text degeneration, ICLR 2020 (top-p); Nguyen et al., Turning up the heat, 2024 (min-p)
 */
export function filteredProbabilities(logits: ArrayLike<number>, filters: Filters): Float64Array {
  const { temperature, topK, topP, minP } = filters
  const most = maximum(logits)
  const weights = new Float64Array(logits.length)
  for (let id = 0; id < weights.length; id++) weights[id] = Math.exp((logits[id]! - most) / temperature)
  if (topK > 0 && topK < weights.length) keepOnly(weights, largest(weights, topK))
  if (topP < 1) keepOnly(weights, nucleus(weights, topP))
  // The likeliest token has weight 1.
  if (minP > 0) for (let id = 0; id < weights.length; id++) if (weights[id]! < minP) weights[id] = 0
  const sum = total(weights)
  for (let id = 0; id < weights.length; id++) weights[id]! /= sum
  return weights
}

function nucleus(weights: Float64Array, topP: number): number[] {
  const wanted = topP * total(weights)
  // Mostly a few tokens reach it, and sorting them all would cost more than everything else.
  for (let count = 64; ; count *= 16) {
    const ranked = largest(weights, count)
    let sum = 0
    for (let at = 0; at < ranked.length; at++) {
      sum += weights[ranked[at]!]!
      if (sum >= wanted) return ranked.slice(0, at + 1)
    }
    if (ranked.length === weights.length) return ranked
  }
}

function keepOnly(weights: Float64Array, kept: readonly number[]): void {
  const values = kept.map((id) => weights[id]!)
  weights.fill(0)
  kept.forEach((id, at) => {
    weights[id] = values[at]!
  })
}

function total(weights: Float64Array): number {
  let sum = 0
  for (const weight of weights) sum += weight
  return sum
}

/** The position that a number from [0, 1) falls on, by the order of positions. */
export function pick(probabilities: Float64Array, draw: number): number {
  let sum = 0
  let last = 0
  for (let id = 0; id < probabilities.length; id++) {
    if (probabilities[id] === 0) continue
    sum += probabilities[id]!
    if (draw < sum) return id
    last = id
  }
  // Rounding: the sum may end a hair below 1.
  return last
}

/** Divides positive logits of tokens already written by the penalty, and multiplies negative ones (Keskar et al., CTRL, 2019). */
export function penalise(logits: Float64Array, seen: Iterable<number>, penalty: number): void {
  for (const id of seen)
    if (id < logits.length) logits[id] = logits[id]! > 0 ? logits[id]! / penalty : logits[id]! * penalty
}
