/** Decoders to be trained: the loss is transformers' cross-entropy of the next token. @module */
import { chunkedCrossEntropy } from "../../onnx/gradients/index.js"
import type { Checkpoint } from "../checkpoint/safetensors.js"
import { parseDecoderConfig } from "../decoder/config.js"
import { primitiveDecoder } from "../decoder/primitive.js"
import { inputNames } from "./batch.js"
import { crossEntropy } from "./losses.js"
import { recordingSlot, type WriteOptions, type WrittenModel } from "./written.js"

/** Throws as `parseDecoderConfig` and `primitiveDecoder`. */
export function writeDecoder(
  raw: Readonly<Record<string, unknown>>,
  checkpoint: Checkpoint,
  { adapters, layerMarks, chunk }: WriteOptions,
  place: string,
): WrittenModel {
  const config = parseDecoderConfig(raw, place)
  const recorded = recordingSlot(adapters)
  const { net, ids, hidden, logits } = primitiveDecoder(config, checkpoint, { adapters: recorded.slot, layerMarks })
  const { graph } = net
  const { vocabulary, width } = config
  const rows = logits(hidden)
  const all = graph.reshape(rows, graph.concat([graph.shape(ids), net.integers([vocabulary])], 0))
  const labels = graph.input(inputNames.labels, "int32", ["batch", "length"])
  // A head with an adapter, or whose logits are bent, is more than one product.
  const plain = config.logitCap === 0 && !recorded.adapted.some(({ module }) => module === "lm_head")
  const head = () => net.weight(config.tied ? "embed_tokens.weight" : "lm_head.weight", [vocabulary, width])
  const loss = plain
    ? chunkedCrossEntropy(graph, { hidden, weight: head(), labels: graph.reshape(labels, [-1]), chunk }).loss
    : crossEntropy(graph, rows, labels)
  return { kind: "decoder", net, logits: all, loss, labels: "next token", types: false, vocabulary }
}
