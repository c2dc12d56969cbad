/** Opens models where only some kinds will do. @module */
import { RankineError } from "../core/errors.js"
import { embeddedModel, isEmbedded } from "./embedded.js"
import type { Embedder } from "./embedder.js"
import { type OpenModelOptions, openModel } from "./open-model.js"
import { loadSparseEncoder, type SparseEncoder, type SparseEncoderOptions } from "./sparse-encoder.js"
import type { StaticEmbedder } from "./static-embedder.js"

/**
 * Opens an embedding model, static or a transformer.
 *
 * @param nameOrPath an embedded model, a folder, or a name
 * @throws RankineError `model` for a model of another kind, and as `openModel`
 */
export async function openEmbedder(
  nameOrPath: string,
  options: OpenModelOptions = {},
): Promise<Embedder | StaticEmbedder> {
  const opened = await openModel(nameOrPath, options)
  if (opened.kind === "static" || opened.kind === "embedder") return opened.model
  await opened[Symbol.asyncDispose]()
  throw new RankineError(
    "model",
    `${nameOrPath} is no embedding model but ${opened.kind} (${opened.info.reason}): use it as such`,
  )
}

/** Tokens that the embedded sparse encoder reads: the length of the passages that it was trained on. */
const EMBEDDED_LENGTH = 256

/** Opens a learned sparse encoder by the name of an embedded model (read to 256 tokens unless told), a folder, or a name. */
export async function openSparseEncoder(
  nameOrPath: string,
  options: SparseEncoderOptions = {},
): Promise<SparseEncoder> {
  return isEmbedded(nameOrPath)
    ? loadSparseEncoder(embeddedModel(nameOrPath), { maxLength: EMBEDDED_LENGTH, ...options })
    : loadSparseEncoder(nameOrPath, options)
}
