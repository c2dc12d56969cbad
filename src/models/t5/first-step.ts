/** The decoder's first step alone, which is all that a reranker reads of it. @module */
import type { Value } from "../../onnx/ir.js"
import { NEVER } from "./attention.js"
import { addAttended, feedForward, innerWidth, project, rmsNorm, type T5Parts, tableName } from "./parts.js"

/**
 * [batch, width]: the vector that the first output token is chosen by; `hidden` is the encoder's [batch, length, width].
 *
 * It equals `decoderHidden` for the start token alone, with less arithmetic. The token looks only at itself, so that its attention is its
 * value. And there is one query for each row: (W_k x)ᵀ q is computed as xᵀ (W_kᵀ q), and Σ a (W_v x) as W_v (Σ a x), so that no keys and
 * values of the encoder's tokens are computed at all.
 */
export function firstStepHidden(parts: T5Parts, hidden: Value, mask: Value): Value {
  const { net, config } = parts
  const { width, heads, headWidth, startId, vocabulary } = config
  const inner = innerWidth(parts)
  const columns = net.transpose(hidden, [0, 2, 1])
  const real = net.unsqueeze(net.cast(mask, "bool"), 1)
  // [1, width] until the first look at the encoder's tokens: up to there all rows are alike.
  let x = net.weightRows(tableName(parts), [vocabulary, width], startId, startId + 1)
  for (let layer = 0; layer < config.decoderLayers; layer++) {
    const at = `decoder.block.${layer}.layer`
    const own = project(parts, rmsNorm(parts, x, `${at}.0.layer_norm`), `${at}.0.SelfAttention.v`)
    x = addAttended(parts, x, own, `${at}.0.SelfAttention.o`)
    const cross = `${at}.1.EncDecAttention`
    const byHead = (name: string) =>
      net.reshape(net.weight(`${cross}.${name}.weight`, [inner, width]), [heads, headWidth, width])
    const query = project(parts, rmsNorm(parts, x, `${at}.1.layer_norm`), `${cross}.q`)
    const queries = net.transpose(net.reshape(query, [-1, heads, headWidth]), [1, 0, 2])
    const seeking = net.transpose(net.op("MatMul", [queries, byHead("k")]), [1, 0, 2])
    const scores = net.op("Where", [real, net.op("MatMul", [seeking, columns]), net.scalar(NEVER)])
    const mixed = net.op("MatMul", [net.op("Softmax", [scores], { axis: -1 }), hidden])
    const values = net.op("MatMul", [net.transpose(mixed, [1, 0, 2]), net.transpose(byHead("v"), [0, 2, 1])])
    const read = net.reshape(net.transpose(values, [1, 0, 2]), [-1, inner])
    x = addAttended(parts, x, read, `${cross}.o`)
    x = feedForward(parts, x, `${at}.2`)
  }
  return rmsNorm(parts, x, "decoder.final_layer_norm")
}
