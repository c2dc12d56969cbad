/** Builds the graph that a decoder runs with: keys and values kept between runs, logits of chosen tokens only. @module */
import type { Checkpoint } from "../checkpoint/safetensors.js"
import { Net, type NetOptions } from "../encoder/net.js"
import { cachedAttention } from "./cached-attention.js"
import type { DecoderConfig } from "./config.js"
import { decoderHidden, decoderLogits, decoderPrefixes, MODULE_PREFIX } from "./parts.js"

export interface BuiltDecoder {
  /** The ONNX model without its float weights, which are named relative to `folder`. */
  readonly model: Uint8Array
  readonly folder: string
}

export interface DecoderForm extends Partial<Omit<NetOptions, "form" | "modulePrefix">> {
  /** Of ONNX Runtime's devices the CPU alone has the operator with places and a mask. */
  readonly sideBySide?: boolean
}

/** Names of the inputs that tell texts apart which go on from one row side by side. */
export const POSITIONS = "positions"
export const MASK = "mask"

/** The name of the output with logits, float32 [chosen tokens, vocabulary]. */
export const LOGITS = "logits"

/**
 * Builds a decoder with a cache. Inputs: int32 `input_ids` [batch, length]; int32 `last` [batch], the place of each row's last token;
 * int32 `total` [1], all tokens of the longest row; int32 `chosen`, the tokens whose logits are asked for, counted through all rows of
 * `input_ids`; `past.N.key` and `past.N.value` (see `cachedAttention`); with `sideBySide` also int64 `positions` [batch, length] and
 * float32 `mask` [1, 1, length, total], with which several texts go on from one row at once. Outputs: `logits`, `present.N.key`,
 * `present.N.value`.
 *
 * @param contextLength most tokens of a row
 * @throws RankineError `data` where the checkpoint lacks a weight or has one of another shape
 */
export async function buildDecoder(
  config: DecoderConfig,
  checkpoint: Checkpoint,
  contextLength: number,
  { sideBySide = false, ...options }: DecoderForm = {},
): Promise<BuiltDecoder> {
  const net = new Net(config.family, checkpoint, decoderPrefixes, {
    precision: "fp32",
    half: false,
    ...options,
    form: "fused",
    modulePrefix: MODULE_PREFIX,
  })
  const { graph } = net
  const parts = { net, config }
  const ids = graph.input("input_ids", "int32", ["batch", "length"])
  const last = graph.input("last", "int32", ["batch"])
  const total = graph.input("total", "int32", [1])
  const chosen = graph.input("chosen", "int32", ["chosen"])
  const apart = sideBySide
    ? {
        positions: graph.input(POSITIONS, "int64", ["batch", "length"]),
        mask: graph.input(MASK, net.scalar(0).type!, [1, 1, "length", "total"]),
      }
    : undefined
  const attend = cachedAttention(parts, { ids, last, total, apart }, contextLength)
  const hidden = decoderHidden(parts, ids, attend, (rows) => graph.gather(rows, chosen))
  graph.output(graph.cast(decoderLogits(parts, hidden), "float32"), LOGITS)
  return { model: await net.toModel(), folder: net.folder }
}
