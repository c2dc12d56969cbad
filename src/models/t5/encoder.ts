/** T5's encoder: every token looks at all others, in every layer through the same relative positions. @module */
import type { Value } from "../../onnx/ir.js"
import { type EncoderInputs, flatten } from "../encoder/inputs.js"
import { t5Attention } from "./attention.js"
import { addAttended, embed, feedForward, innerWidth, project, rmsNorm, type T5Parts } from "./parts.js"
import { relativeBias } from "./relative-bias.js"

/** [batch, length, width]: the last layer's token vectors. */
export function encoderHidden(parts: T5Parts, { ids, mask, places, unflatten }: EncoderInputs): Value {
  const { net, config } = parts
  const inner = innerWidth(parts)
  const bias = relativeBias(parts, "encoder", places, places)
  let x = embed(parts, ids)
  for (let layer = 0; layer < config.encoderLayers; layer++) {
    const at = `encoder.block.${layer}.layer`
    const normed = rmsNorm(parts, x, `${at}.0.layer_norm`)
    const part = (name: string) => unflatten(project(parts, normed, `${at}.0.SelfAttention.${name}`), inner)
    const mixed = t5Attention(parts, { query: part("q"), key: part("k"), value: part("v"), mask, bias })
    x = addAttended(parts, x, flatten(net, mixed, inner), `${at}.0.SelfAttention.o`)
    x = net.layerEnd(feedForward(parts, x, `${at}.1`), `encoder layer ${layer}`)
  }
  return unflatten(rmsNorm(parts, x, "encoder.final_layer_norm"), config.width)
}
