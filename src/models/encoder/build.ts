/** Builds the graph of an encoder from its configuration and the places of its weights. @module */
import type { Checkpoint } from "../checkpoint/safetensors.js"
import { bertHidden } from "./bert.js"
import type { EncoderConfig } from "./config.js"
import { classify, labelCount, termWeights } from "./heads.js"
import { encoderInputs } from "./inputs.js"
import { modernBertHidden } from "./modern-bert.js"
import { Net, type NetOptions } from "./net.js"
import { normalizeRows, type Pooling, pool } from "./pooling.js"
import { projectTokens, type TokenProjection } from "./token-projection.js"

/**
 * The one thing that a graph computes; nothing is computed that nobody reads.
 * - `hidden`: the vector of every token.
 * - `pooled`: one vector for each row.
 * - `logits`: the numbers of the classification head.
 * - `terms`: SPLADE's weight for each word of the vocabulary.
 * - `tokens`: the vector of every token, projected for late interaction.
 */
export type EncoderOutput =
  | { readonly kind: "hidden" }
  | { readonly kind: "pooled"; readonly pooling: Pooling; readonly normalize: boolean }
  | { readonly kind: "logits" }
  | { readonly kind: "terms" }
  | { readonly kind: "tokens"; readonly projections: readonly TokenProjection[]; readonly normalize: boolean }

/** The output has a vector for each token, not one for each row. */
export function isPerToken(output: EncoderOutput): boolean {
  return output.kind === "hidden" || output.kind === "tokens"
}

export interface BuiltEncoder {
  /** The ONNX model without its weights, which are named relative to `folder`. */
  readonly model: Uint8Array
  readonly folder: string
  /** Numbers for each row, or for each token with `hidden` and `tokens`. */
  readonly width: number
  /** The graph reads token types. */
  readonly withTypes: boolean
}

/** The name of the output of every graph. */
export const OUTPUT = "output"

/** Weights are found with and without these in front of their names. */
export const encoderPrefixes: Readonly<Record<EncoderConfig["family"], readonly string[]>> = {
  bert: ["bert."],
  roberta: ["roberta."],
  distilbert: ["distilbert."],
  mpnet: ["mpnet."],
  modernbert: ["model."],
}

/**
 * Builds an encoder's graph: int32 `input_ids`, `attention_mask` and, for BERT, `token_type_ids`, each [batch, length], padded on the right.
 *
 * @param options form: `fused` (the default) is faster on ONNX Runtime; `standard` has operators of the ONNX standard only
 * @throws RankineError `data` where the checkpoint lacks a weight or has one of another shape, `model` where it lacks the head
 */
export async function buildEncoder(
  config: EncoderConfig,
  checkpoint: Checkpoint,
  output: EncoderOutput,
  options: Partial<NetOptions> = {},
): Promise<BuiltEncoder> {
  const net = new Net(`${config.family}-${output.kind}`, checkpoint, encoderPrefixes[config.family], {
    form: "fused",
    precision: "fp32",
    half: false,
    ...options,
  })
  const withTypes = config.tokenTypes > 1
  const inputs = encoderInputs(net, withTypes)
  const firstOnly = output.kind === "logits" || (output.kind === "pooled" && output.pooling === "cls")
  const hidden = net.leaveHalf(
    config.family === "modernbert" ? modernBertHidden(net, config, inputs) : bertHidden(net, config, inputs, firstOnly),
  )
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
      case "tokens":
        return projectTokens(net, inputs, hidden, config.width, output.projections, output.normalize)
    }
  }
  net.graph.output(head(), OUTPUT)
  return { model: await net.toModel(), folder: net.folder, width: widthOf(output, config, net), withTypes }
}

function widthOf(output: EncoderOutput, config: EncoderConfig, net: Net): number {
  switch (output.kind) {
    case "terms":
      return config.vocabulary
    case "logits":
      return labelCount(net)
    case "tokens":
      return output.projections.at(-1)?.outputs ?? config.width
    default:
      return config.width
  }
}
