/** The cross-entropy of language models, without an array of all logits. @module */
import type { GraphBuilder } from "../graph.js"
import type { Value } from "../ir.js"
import { logProbabilities, type TokenChoice } from "./log-probabilities.js"

export interface CrossEntropy {
  /** A scalar: the mean of -log p over all tokens with a label; 0 where there is none. */
  readonly loss: Value
  /** log p of each label, in the shape of the labels; 0 where there is none. */
  readonly logProbabilities: Value
}

/**
 * How well vectors predict labels: logits are hidden · weightᵀ, made for `chunk` tokens at a time, so that no [batch, length, vocabulary]
 * array exists, neither here nor in the gradients. Graphs that hold it must go through `gradients` or `lowerLogProbabilities` before
 * they run.
 */
export function chunkedCrossEntropy(graph: GraphBuilder, choice: TokenChoice): CrossEntropy {
  const chosen = logProbabilities(graph, choice)
  const type = chosen.type ?? "float32"
  const real = graph.cast(graph.not(graph.equal(choice.labels, NO_LABEL)), type)
  const count = graph.max(graph.reduceSum(real, undefined, false), 1)
  const loss = graph.neg(graph.div(graph.reduceSum(chosen, undefined, false), count))
  return { loss, logProbabilities: chosen }
}

/** The label of tokens that are not to be predicted, as in PyTorch. */
export const NO_LABEL = -100
