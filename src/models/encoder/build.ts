/** Builds the graph of an encoder from its configuration and the places of its weights. @module */
import type { Checkpoint } from "../checkpoint/safetensors.js"
import type { AttentionForm } from "./attention.js"
import { bertHidden } from "./bert.js"
import type { EncoderConfig } from "./config.js"
import { classify, labelCount, termWeights } from "./heads.js"
import { encoderInputs } from "./inputs.js"
import { modernBertHidden } from "./modern-bert.js"
import { Net } from "./net.js"
import { normalizeRows, type Pooling, pool } from "./pooling.js"

/**
 * The one thing that a graph computes; nothing is computed that nobody reads.
 * - `hidden`: the vector of every token.
 * - `pooled`: one vector for each row.
 * - `logits`: the numbers of the classification head.
 * - `terms`: SPLADE's weight for each word of the vocabulary.
 */
export type EncoderOutput =
  | { readonly kind: "hidden" }
  | { readonly kind: "pooled"; readonly pooling: Pooling; readonly normalize: boolean }
  | { readonly kind: "logits" }
  | { readonly kind: "terms" }

export interface BuiltEncoder {
  /** The ONNX model without its weights, which are named relative to `folder`. */
  readonly model: Uint8Array
  readonly folder: string
  /** Numbers for each row, or for each token with `hidden`. */
  readonly width: number
  /** The graph reads token types. */
  readonly withTypes: boolean
}

/** The name of the output of every graph. */
export const OUTPUT = "output"

/** Weights are found with and without these in front of their names. */
const prefixes: Readonly<Record<EncoderConfig["family"], readonly string[]>> = {
  bert: ["bert."],
  roberta: ["roberta."],
  distilbert: ["distilbert."],
  mpnet: ["mpnet."],
  modernbert: ["model."],
}

/**
 * Builds an encoder's graph: int32 `input_ids`, `attention_mask` and, for BERT, `token_type_ids`, each [batch, length], padded on the right.
 *
 * @param form `fused` is faster on ONNX Runtime; `standard` has operators of the ONNX standard only
 * @throws RankineError `data` where the checkpoint lacks a weight or has one of another shape, `model` where it lacks the head
 */
export function buildEncoder(
  config: EncoderConfig,
  checkpoint: Checkpoint,
  output: EncoderOutput,
  form: AttentionForm = "fused",
): BuiltEncoder {
  const net = new Net(`${config.family}-${output.kind}`, checkpoint, prefixes[config.family])
  const withTypes = config.tokenTypes > 1
  const inputs = encoderInputs(net, withTypes)
  const firstOnly = output.kind === "logits" || (output.kind === "pooled" && output.pooling === "cls")
  const hidden =
    config.family === "modernbert"
      ? modernBertHidden(net, config, inputs, form)
      : bertHidden(net, config, inputs, form, firstOnly)
  const head = () => {
    switch (output.kind) {
      case "hidden":
        return hidden
      case "pooled": {
        const pooled = pool(net, hidden, inputs.mask, output.pooling)
        return output.normalize ? normalizeRows(net, pooled) : pooled
      }
      case "logits":
        return classify(net, config, hidden, inputs.mask)
      case "terms":
        return termWeights(net, config, inputs, hidden)
    }
  }
  net.graph.output(head(), OUTPUT)
  const width = output.kind === "terms" ? config.vocabulary : output.kind === "logits" ? labelCount(net) : config.width
  return { model: net.graph.toModel(), folder: net.folder, width, withTypes }
}
