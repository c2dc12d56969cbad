/** Encoder-decoders to be trained: the loss is the cross-entropy over what the decoder says. @module */
import { chunkedCrossEntropy } from "../../onnx/gradients/index.js"
import type { Checkpoint } from "../checkpoint/safetensors.js"
import { encoderInputs } from "../encoder/inputs.js"
import { t5Parts } from "../t5/build.js"
import { parseT5Config } from "../t5/config.js"
import { crossMemory, decoderHidden, outputLogits, unflattener } from "../t5/decoder.js"
import { encoderHidden } from "../t5/encoder.js"
import { outputTableName } from "../t5/parts.js"
import { inputNames } from "./batch.js"
import type { WriteOptions, WrittenModel } from "./written.js"

/** Throws as `parseT5Config`; `data` where a weight is missing or has another shape. */
export function writeT5(
  raw: Readonly<Record<string, unknown>>,
  checkpoint: Checkpoint,
  { adapters, layerMarks, chunk }: WriteOptions,
): WrittenModel {
  const config = parseT5Config(raw)
  const { vocabulary, width } = config
  const parts = t5Parts("t5-training", config, checkpoint, { form: "standard", adapters, layerMarks })
  const { net } = parts
  const { graph } = net
  const inputs = encoderInputs(net, false)
  const encoded = encoderHidden(parts, inputs)
  const ids = graph.input(inputNames.decoderIds, "int32", ["batch", "steps"])
  const { hidden } = decoderHidden(parts, { ids, memory: crossMemory(parts, encoded, inputs.mask) })
  const logits = unflattener(parts, ids)(outputLogits(parts, hidden), vocabulary)
  const labels = graph.reshape(graph.input(inputNames.labels, "int32", ["batch", "steps"]), [-1])
  const weight = net.weight(outputTableName(parts), [vocabulary, width])
  const scaled = config.scaleOutput ? graph.mul(hidden, width ** -0.5) : hidden
  const { loss } = chunkedCrossEntropy(graph, { hidden: scaled, weight, labels, chunk })
  return { kind: "t5", net, logits, loss, labels: "decoder token", types: false, vocabulary }
}
