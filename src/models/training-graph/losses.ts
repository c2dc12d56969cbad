/** What training makes small. @module */

import { NO_LABEL } from "../../onnx/gradients/index.js"
import type { GraphBuilder } from "../../onnx/graph.js"
import type { Value } from "../../onnx/ir.js"

/**
 * Mean of -log p(label) over the rows with a label, 0 where there is none, from all logits [rows, vocabulary] and int32 labels of as many
 * elements; for heads whose logits are more than one product, which `chunkedCrossEntropy` cannot make chunk by chunk.
 */
export function crossEntropy(graph: GraphBuilder, logits: Value, labels: Value): Value {
  const flat = graph.reshape(graph.cast(labels, "int64"), [-1])
  const type = logits.type ?? "float32"
  const real = graph.cast(graph.not(graph.equal(flat, NO_LABEL)), type)
  const safe = graph.unsqueeze(graph.max(flat, 0), [1])
  const chosen = graph.squeeze(graph.gatherElements(graph.logSoftmax(logits), safe, 1), [1])
  const total = graph.reduceSum(graph.mul(chosen, real), undefined, false)
  return graph.neg(graph.div(total, graph.max(graph.reduceSum(real, undefined, false), 1)))
}

/**
 * Mean of the binary cross-entropy between the sigmoid of the first column of `logits` [rows, labels] and wanted probabilities [rows]:
 * softplus(x) - x · wanted, which overflows nowhere.
 */
export function binaryCrossEntropy(graph: GraphBuilder, logits: Value, wanted: Value): Value {
  const logit = graph.squeeze(graph.slice(logits, [0], [1], [1]), [1])
  const softplus = graph.op("Softplus", [logit])
  return graph.reduceMean(graph.sub(softplus, graph.mul(logit, wanted)), undefined, false)
}
