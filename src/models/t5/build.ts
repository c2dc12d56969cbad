/** Builds the graph of a T5 from its configuration and the places of its weights. @module */
import { RankineError } from "../../core/errors.js"
import type { Checkpoint } from "../checkpoint/safetensors.js"
import { OUTPUT } from "../encoder/build.js"
import { encoderInputs } from "../encoder/inputs.js"
import { Net, type NetOptions } from "../encoder/net.js"
import type { T5Config } from "./config.js"
import { crossMemory, decoderHidden, outputLogits, unflattener } from "./decoder.js"
import { encoderHidden } from "./encoder.js"
import { firstStepHidden } from "./first-step.js"
import type { T5Parts } from "./parts.js"

/**
 * The one thing that a graph computes; nothing is computed that nobody reads.
 * - `hidden`: the encoder's vector of every token, [batch, length, width].
 * - `first`: the logits of these tokens as the decoder's first output, [batch, tokens].
 * - `logits`: the logits of the whole vocabulary after each of the given decoder ids, [batch, steps, vocabulary].
 */
export type T5Output =
  | { readonly kind: "hidden" }
  | { readonly kind: "first"; readonly tokens: readonly number[] }
  | { readonly kind: "logits" }

export interface BuiltT5 {
  /** The ONNX model without its weights, which are named relative to `folder`. */
  readonly model: Uint8Array
  readonly folder: string
  /** Numbers for each row (`first`) or for each token (`hidden`, `logits`). */
  readonly width: number
}

/**
 * Builds a T5's graph: int32 `input_ids` and `attention_mask` [batch, length], padded on the right, and for `logits` int32
 * `decoder_input_ids` [batch, steps], also padded on the right. Encoder and decoder are one graph with one output, `output`.
 *
 * @param options form: `fused` (the default) is faster on ONNX Runtime; `standard` has operators of the ONNX standard only
 * @throws RankineError `data` where the checkpoint lacks a weight or has one of another shape, `argument` for tokens outside the vocabulary
 */
export async function buildT5(
  config: T5Config,
  checkpoint: Checkpoint,
  output: T5Output,
  options: T5Form = {},
): Promise<BuiltT5> {
  const parts = t5Parts(`t5-${output.kind}`, config, checkpoint, options)
  const { net } = parts
  const inputs = encoderInputs(net, false)
  const hidden = encoderHidden(parts, inputs)
  const [value, width] = (() => {
    switch (output.kind) {
      case "hidden":
        return [hidden, config.width] as const
      case "first": {
        const { tokens } = output
        const odd = tokens.find((token) => !(Number.isInteger(token) && token >= 0 && token < config.vocabulary))
        if (odd !== undefined || tokens.length === 0)
          throw new RankineError(
            "argument",
            `the tokens to score must be ids below ${config.vocabulary}, at least one; got ${odd ?? "none"}`,
          )
        return [outputLogits(parts, firstStepHidden(parts, hidden, inputs.mask), tokens), tokens.length] as const
      }
      case "logits": {
        const ids = net.graph.input("decoder_input_ids", "int32", ["batch", "steps"])
        const decoded = decoderHidden(parts, { ids, memory: crossMemory(parts, hidden, inputs.mask) })
        const logits = outputLogits(parts, decoded.hidden)
        return [unflattener(parts, ids)(logits, config.vocabulary), config.vocabulary] as const
      }
    }
  })()
  net.graph.output(value, OUTPUT)
  return { model: await net.toModel(), folder: net.folder, width }
}

/** How a T5's graph is written. Its activations leave the range of half precision, so that it never computes in it. */
export type T5Form = Partial<Omit<NetOptions, "half">>

/** A graph to be filled with parts of a T5, whose weights are found with and without `transformer.` in front. */
export function t5Parts(name: string, config: T5Config, checkpoint: Checkpoint, options: T5Form = {}): T5Parts {
  const net = new Net(name, checkpoint, ["transformer."], { form: "fused", precision: "fp32", ...options, half: false })
  return { net, config }
}
