import type { PairwiseAnswer, PairwiseQuestion } from "../program/questions.js"
import type { Asking } from "../sorting/index.js"

/**
 * When one document beats another, of the answers to both orders. `consistent`: it is preferred in both of them; answers that contradict each
 * other, or that cannot be read, are a tie. `probability`: it is preferred more where it is shown first than the other one is.
 */
export type Verdict = "consistent" | "probability"

/** Both orders of a pair. */
export function bothOrders(first: number, second: number): readonly [PairwiseQuestion, PairwiseQuestion] {
  return [
    { first, second },
    { first: second, second: first },
  ]
}

/** A preference in [0, 1]; undefined for anything else. */
function preferenceOf(answer: PairwiseAnswer | undefined): number | undefined {
  const preference: unknown = (answer as Partial<PairwiseAnswer> | null | undefined)?.preference
  return typeof preference === "number" && preference >= 0 && preference <= 1 ? preference : undefined
}

/** By how much the first document of a pair is preferred, from -1 to 1; 0 is a tie, as is what cannot be read. */
export function marginOf(
  forward: PairwiseAnswer | undefined,
  backward: PairwiseAnswer | undefined,
  verdict: Verdict,
): number {
  const first = preferenceOf(forward)
  const second = preferenceOf(backward)
  if (first === undefined || second === undefined) return 0
  if (verdict === "probability") return first - second
  if (first > 0.5 && second < 0.5) return 1
  return first < 0.5 && second > 0.5 ? -1 : 0
}

/** Whether the first document beats the second; undefined where a budget ended before both orders were asked. */
export function* beats(
  first: number,
  second: number,
  verdict: Verdict,
): Asking<PairwiseQuestion, PairwiseAnswer, boolean | undefined> {
  const [forward, backward] = yield bothOrders(first, second)
  if (forward === undefined || backward === undefined) return undefined
  return marginOf(forward, backward, verdict) > 0
}
