import { positionOf } from "../prompts/permutation.js"
import type { Prompt } from "../prompts/prompt.js"

/** What a reward asks of a completion: its form, then its list. */
export type StrictOrder =
  | { readonly kind: "order"; readonly order: readonly number[] }
  | { readonly kind: "invalid-list" }
  | { readonly kind: "invalid-format" }

/**
 * The order in a whole completion, strictly, for rewards: the form that the prompt's file demands, and in the answer every document exactly once.
 *
 * @returns positions, the best first, or which of both was broken; ReasonRank rewards these with 0 and -1
 */
export function strictOrder(prompt: Prompt, completion: string, count: number): StrictOrder {
  if (!prompt.isStrict(completion)) return { kind: "invalid-format" }
  const { labels } = prompt.file
  const pattern = labels === "number" ? /[0-9]+/gu : /[A-Z]/gu
  const order = [...prompt.answerText(completion).matchAll(pattern)].map(([label]) => positionOf(label, labels))
  const valid = new Set(order.filter((position) => position >= 0 && position < count))
  return order.length === count && valid.size === count ? { kind: "order", order } : { kind: "invalid-list" }
}
