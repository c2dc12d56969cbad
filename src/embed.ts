/** The shortest use of an embedding model: texts in, vectors out. @module */
import { RankineError, type RunOptions } from "./core/index.js"
import type { EmbedderOptions } from "./models/embedder.js"

export interface EmbedOptions extends Pick<RunOptions, "signal" | "onProgress">, EmbedderOptions {
  /** An embedding model: a folder or a name. Default: the static model that the package carries, which needs no ONNX Runtime. */
  readonly model?: string
  /** What the texts are; models with prompts read queries and documents differently. Default `document`. */
  readonly side?: "query" | "document"
}

/** Vectors of texts, and what happened to the texts. */
export interface Embedded {
  /** One for each text, in their order. */
  readonly vectors: Float32Array[]
  readonly dimension: number
  /** The model's name. */
  readonly model: string
  /** Tokens that the model read. */
  readonly tokens: number
  /** Positions of the texts that were longer than the model reads. */
  readonly truncated: readonly number[]
}

/**
 * Embeds texts. The model is loaded by the first call and kept for the next; `disposeModels` of `rankine/models` gives its memory back.
 * Throws `not-found` for a model that is not on this machine, `argument` for what is no text, `dependency` where onnxruntime-node is missing.
 *
 * ```ts
 * const { vectors } = await embed(["how do birds sleep?", "swifts sleep while they fly"])
 * ```
 */
export async function embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Embedded> {
  const { model = "potion-base-4M", side = "document", signal, onProgress, ...settings } = options
  if (!Array.isArray(texts) || texts.some((text) => typeof text !== "string"))
    throw new RankineError("argument", "embed takes an array of strings: embed([text])")
  const { openEmbedder, sharedModel } = await import("./models/index.js")
  const embedder = await sharedModel("embedder", model, settings, () => openEmbedder(model, settings))
  const { vectors, tokens, truncated } = await embedder.embed(texts, side, {
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress } : {}),
  })
  return { vectors, dimension: embedder.dimension, model: embedder.name, tokens, truncated }
}
