/** Encoders with a classification head to be trained: the loss is the binary cross-entropy of the first number of the head. @module */
import type { Checkpoint } from "../checkpoint/safetensors.js"
import { bertHidden } from "../encoder/bert.js"
import { encoderPrefixes } from "../encoder/build.js"
import { parseEncoderConfig } from "../encoder/config.js"
import { classify } from "../encoder/heads.js"
import { encoderInputs } from "../encoder/inputs.js"
import { modernBertHidden } from "../encoder/modern-bert.js"
import { Net } from "../encoder/net.js"
import { inputNames } from "./batch.js"
import { binaryCrossEntropy } from "./losses.js"
import type { WriteOptions, WrittenModel } from "./written.js"

/** Throws as `parseEncoderConfig`; `data` where a weight is missing or has another shape, `model` where the head is missing. */
export function writeEncoder(
  raw: Readonly<Record<string, unknown>>,
  checkpoint: Checkpoint,
  { adapters, layerMarks }: WriteOptions,
): WrittenModel {
  const config = parseEncoderConfig(raw)
  const { family, vocabulary } = config
  const net = new Net(`${family}-training`, checkpoint, encoderPrefixes[family], {
    form: "standard",
    precision: "fp32",
    half: false,
    adapters,
    layerMarks,
  })
  const types = config.tokenTypes > 1
  const inputs = encoderInputs(net, types)
  const hidden = family === "modernbert" ? modernBertHidden(net, config, inputs) : bertHidden(net, config, inputs, true)
  const logits = classify(net, config, hidden, inputs.mask)
  const wanted = net.graph.input(inputNames.labels, "float32", ["batch"])
  const loss = binaryCrossEntropy(net.graph, logits, wanted)
  return { kind: "encoder", net, logits, loss, labels: "probability", types, vocabulary }
}
