/** One step of an answer: from logits and settings to a token. @module */
import { Random } from "../../core/random.js"
import { filteredProbabilities, greatest, logSumExp, penalise, pick } from "./sampling.js"
import type { CheckedSettings } from "./settings.js"

/** The numbers of an answer's step `step` depend on seed and step alone, so that neighbours in a batch change nothing. */
export function drawOf(seed: number, step: number): number {
  return new Random(seed, "generation", step).float()
}

/**
 * The id of the next token.
 * @param seen tokens of prompt and answer so far, each once
 * @param allowed ids in ascending order; all where it is left out
 * @param draw a number from [0, 1)
 */
export function chooseToken(
  logits: Float32Array,
  settings: Pick<CheckedSettings, "temperature" | "topK" | "topP" | "minP" | "repetitionPenalty">,
  seen: Iterable<number>,
  allowed: readonly number[] | undefined,
  draw: () => number,
): number {
  const { temperature, repetitionPenalty } = settings
  let scores: ArrayLike<number> = logits
  if (repetitionPenalty !== 1) {
    const copy = Float64Array.from(logits)
    penalise(copy, seen, repetitionPenalty)
    scores = copy
  }
  if (allowed) {
    const all = scores
    scores = Float64Array.from(allowed, (id) => all[id]!)
  }
  const at = temperature === 0 ? greatest(scores) : pick(filteredProbabilities(scores, settings), draw())
  return allowed ? allowed[at]! : at
}

/** Natural log-probabilities of some ids, from all logits. */
export function logProbabilities(logits: Float32Array, ids: readonly number[]): Float64Array {
  const sum = logSumExp(logits)
  return Float64Array.from(ids, (id) => logits[id]! - sum)
}
