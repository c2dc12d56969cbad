/** Opens GGUF files as the checkpoints that they were made from. @module */
import { RankineError } from "../../core/errors.js"
import { architectureOf, ggufConfig, type HubConfig } from "./gguf-config.js"
import { type GgufFile, openGgufFile, valuesOf } from "./gguf-file.js"
import { type GgufArchitecture, hubNameOf, isGemma } from "./gguf-names.js"
import type { Checkpoint } from "./safetensors.js"
import type { TensorInfo } from "./tensor-type.js"

/** A GGUF file's model with the tensor names, the order of rows and the configuration that its original has. */
export interface GgufModel extends Checkpoint {
  /** What config.json said, as far as computing needs it; `model_type` is one that decoders are built for. */
  readonly config: HubConfig
  /** The same file under its own names, with all its metadata. */
  readonly file: GgufFile
}

/** What the conversion to GGUF did to a tensor, undone on reading. */
type Undo =
  /** llama.cpp turns neighbouring components, the original the halves of each head: rows were reordered for the one. */
  | { readonly kind: "rows"; readonly heads: number }
  /** Gemma multiplies by 1 + weight, and its files keep that sum. */
  | { readonly kind: "one" }

interface Entry {
  readonly own: string
  readonly undo: Undo | undefined
}

/**
 * Opens a GGUF file of a decoder (Llama, Mistral, Qwen2, Qwen3, Gemma 2 and 3), or the first part of one that was split.
 *
 * Tensors are called as in the original checkpoint (`model.layers.0.self_attn.q_proj.weight`). `read` gives float32 of every type;
 * `readRaw` gives blocks as they are, rows in the original's order. Tensors that the conversion changed have `inPlace: false`: queries and
 * keys of Llama, and Gemma's norms.
 * @throws RankineError `not-found` without the file; `data` naming file and tensor for what is malformed, cut short, or of a type that is
 *   not read; `model` for architectures, variants and tensors that are not supported
 * @example
 * const model = await openGguf("SmolLM2-135M-Instruct.gguf")
 * model.config.num_hidden_layers // 30
 * await model.read("model.embed_tokens.weight") // Float32Array, vocabulary · width
 */
export async function openGguf(path: string): Promise<GgufModel> {
  return ggufModel(await openGgufFile(path))
}

/** The same for a file that is open. */
export async function ggufModel(file: GgufFile): Promise<GgufModel> {
  const architecture = architectureOf(file)
  const config = await ggufConfig(file)
  const entries = new Map<string, Entry>()
  const tensors = new Map<string, TensorInfo>()
  for (const [own, info] of file.tensors) {
    // Consumed by the configuration.
    if (own === "rope_freqs.weight") continue
    const name = hubNameOf(own, architecture)
    if (name === undefined)
      throw new RankineError(
        "model",
        `${info.file}: tensor ${own} is not one of a ${architecture} model: the variant is not supported`,
      )
    const undo = undoOf(own, architecture, config)
    check(own, info, undo)
    entries.set(name, { own, undo })
    tensors.set(name, undo ? { ...info, inPlace: false } : info)
  }
  const readRaw = async (name: string) => {
    const entry = entries.get(name)
    if (!entry) throw new RankineError("not-found", `no tensor ${name} in ${file.files.join(", ")}`)
    const bytes = await file.readRaw(entry.own)
    return entry.undo ? undone(bytes, tensors.get(name)!, entry.undo) : bytes
  }
  return {
    files: file.files,
    tensors,
    metadata: file.metadata,
    config,
    file,
    readRaw,
    read: async (name) => valuesOf(await readRaw(name), tensors.get(name)!),
    checksum: () => file.checksum(),
  }
}

function undoOf(name: string, architecture: GgufArchitecture, config: HubConfig): Undo | undefined {
  if (isGemma(architecture)) return name.endsWith("norm.weight") ? { kind: "one" } : undefined
  if (architecture !== "llama") return undefined
  const part = /\.attn_([qk])\.(weight|bias)$/.exec(name)?.[1]
  if (!part) return undefined
  return { kind: "rows", heads: (part === "q" ? config.num_attention_heads : config.num_key_value_heads) as number }
}

function check(name: string, info: TensorInfo, undo: Undo | undefined): void {
  if (undo?.kind === "rows" && info.shape[0] % (undo.heads * 2) !== 0)
    throw new RankineError(
      "data",
      `${info.file}: tensor ${name} [${info.shape}] does not divide among ${undo.heads} heads`,
    )
  if (undo?.kind === "one" && info.dtype !== "F32")
    throw new RankineError("data", `${info.file}: tensor ${name} is ${info.dtype}, where norms are F32`)
}

function undone(bytes: Uint8Array, info: TensorInfo, undo: Undo): Uint8Array {
  if (undo.kind === "rows") return inHalves(bytes, info, undo.heads)
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  for (let index = 0; index < values.length; index++) values[index] -= 1
  return bytes
}

/** Rows (head, component, half) as rows (head, half, component). Blocks lie within rows, so that any type can be moved row by row. */
function inHalves(bytes: Uint8Array, info: TensorInfo, heads: number): Uint8Array {
  const rows = info.shape[0]
  const rowBytes = bytes.length / rows
  const half = rows / heads / 2
  const result = new Uint8Array(bytes.length)
  for (let head = 0; head < heads; head++)
    for (let component = 0; component < half; component++)
      for (let side = 0; side < 2; side++) {
        const from = (head * half * 2 + component * 2 + side) * rowBytes
        result.set(bytes.subarray(from, from + rowBytes), (head * half * 2 + side * half + component) * rowBytes)
      }
  return result
}
