/** Which file of an ONNX export is meant. @module */
import { RankineError } from "../core/errors.js"

/** Precisions of exported graphs, as their files are named on the hub. */
export const onnxPrecisions = ["fp32", "fp16", "int8", "uint8", "q8", "q4", "q4f16", "bnb4"] as const

export type OnnxPrecision = (typeof onnxPrecisions)[number]

const suffixes: Readonly<Record<OnnxPrecision, string>> = {
  fp32: "",
  fp16: "_fp16",
  int8: "_int8",
  uint8: "_uint8",
  q8: "_quantized",
  q4: "_q4",
  q4f16: "_q4f16",
  bnb4: "_bnb4",
}

export interface OnnxChoice {
  /**
   * `safetensors` builds the graph here, `onnx` takes an exported one. Default `auto`: built here where the architecture is known, which
   * gives the same numbers faster, else the export.
   */
  readonly weights?: "auto" | "safetensors" | "onnx"
  /** The precision of the exported graph; its file is `onnx/model.onnx`, `onnx/model_fp16.onnx`, `onnx/model_quantized.onnx` (q8), ... Default `fp32`. */
  readonly onnxPrecision?: OnnxPrecision
  /** The exported graph's file, relative to the model's folder. */
  readonly file?: string
}

/**
 * The places of an exported graph, in the order in which they are looked for. Throws `argument` for a precision that does not exist, and for a file outside the model's folder.
 */
export function onnxFileNames({ onnxPrecision = "fp32", file }: OnnxChoice = {}): string[] {
  if (!Object.hasOwn(suffixes, onnxPrecision))
    throw new RankineError(
      "argument",
      `onnxPrecision must be one of ${onnxPrecisions.join(", ")}, got ${onnxPrecision}`,
    )
  if (file !== undefined) {
    if (!/^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/.test(file))
      throw new RankineError(
        "argument",
        `file must be a path inside the model's folder, such as onnx/model.onnx, got ${file}`,
      )
    return [file]
  }
  const name = `model${suffixes[onnxPrecision]}.onnx`
  return [`onnx/${name}`, name]
}
