/** An encoder's graph to go on with: whether it was exported by others, or is built here. @module */

import type { Model } from "../../onnx/ir.js"
import { upgradeModel } from "../../onnx/passes/upgrade.js"
import { readModel } from "../../onnx/protobuf.js"
import type { EncoderOutput } from "../encoder/build.js"
import type { EncoderConfig } from "../encoder/config.js"
import { type LocateOptions, locateModel, splitLocateOptions } from "../locate.js"
import { encoderSource } from "../onnx-encoder-source.js"
import type { OnnxChoice } from "../onnx-files.js"

export interface EncoderGraph {
  /** Opset 21 or later. Large weights are places in files of `externalData`. */
  readonly model: Model
  /** The folder of the weights' files, for the session. */
  readonly externalData: string
  readonly config: EncoderConfig
  /** Numbers for each row, or for each token. */
  readonly width: number
  /** The graph reads `token_type_ids`. */
  readonly withTypes: boolean
}

/**
 * Opens an encoder as a graph: int32 `input_ids`, `attention_mask` and perhaps `token_type_ids`, each [batch, length], to the float32
 * `output`. An export has the operators it was written with; what is built from safetensors has those of the standard. Same choice between the two, and
 * same errors, as `loadEncoder`.
 *
 * @param nameOrPath a folder, or a name that `locateModel` finds
 * @example
 * const { model, externalData } = await openEncoderGraph("my-cross-encoder", { kind: "logits" }, { weights: "onnx" })
 * const { graph } = attachLora(model.graph)
 */
export async function openEncoderGraph(
  nameOrPath: string,
  output: EncoderOutput,
  options: OnnxChoice & LocateOptions = {},
): Promise<EncoderGraph> {
  const [where, choice] = splitLocateOptions(options)
  const folder = await locateModel(nameOrPath, where)
  const form = { ...choice, attention: "standard", precision: choice.onnxPrecision ? undefined : "fp32" } as const
  const {
    model,
    folder: externalData,
    config,
    width,
    withTypes,
  } = await encoderSource(folder, output, form, {
    device: "cpu",
  })
  return { model: upgradeModel(readModel(model)), externalData, config, width, withTypes }
}
