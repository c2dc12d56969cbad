/** A look at a reranker before it is used: a model that cannot tell pairs apart is refused when it is loaded. @module */
import { RankineError } from "../core/errors.js"
import type { TextPair } from "./pair-scorer.js"

/** Each question with an answer and with a text that is none: what can rank at all gives the two different scores. */
export const probePairs: readonly TextPair[] = [
  { query: "what do penguins eat", document: "Penguins feed on fish, squid and krill that they catch under water." },
  { query: "what do penguins eat", document: "Herons." },
  { query: "steam engines", document: "Steam under pressure drives a piston, which turns a wheel." },
  { query: "steam engines", document: "The city council voted on Tuesday." },
]

/** Scores closer than this, relative to the larger one, are the same: rounding alone makes no order. */
const SAME = 1e-6

/**
 * Scores the probe pairs and refuses a model whose scores are not numbers, or the same for both texts of every question: it would leave
 * every order as it came in and call it reranked.
 *
 * @param score as the model will score pairs from now on
 * @param advice what to do about equal scores, beside checking the weights
 * @throws RankineError `model` for scores that are not finite or all equal; whatever `score` throws
 */
export async function refuseConstantScores(
  name: string,
  score: (pairs: readonly TextPair[]) => Promise<readonly number[]>,
  advice = "",
): Promise<void> {
  const scores = await score(probePairs)
  const odd = scores.find((value) => !Number.isFinite(value))
  if (odd !== undefined || scores.length !== probePairs.length)
    throw new RankineError(
      "model",
      `${name} gives ${odd ?? "no score"} for a plain question and text: its weights are damaged, or too large for the ` +
        "precision; copy the model anew, or load it with precision fp32",
      { details: { scores } },
    )
  const differ = (left: number, right: number) =>
    Math.abs(left - right) > SAME * Math.max(Math.abs(left), Math.abs(right))
  if (scores.some((value, index) => index % 2 === 1 && differ(value, scores[index - 1]))) return
  throw new RankineError(
    "model",
    `${name} scores an answer and an unrelated text alike (${scores.join(", ")}): it would rerank nothing. Its trained ` +
      `head is missing, or what turns its output into a score hides the differences${advice === "" ? "" : `: ${advice}`}`,
    { details: { scores } },
  )
}
