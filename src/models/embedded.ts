/** The models that the package carries: neural search without a download. @module */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { RankineError } from "../core/errors.js"
import { packageRoot } from "../core/package-root.js"

/**
 * - `potion-base-4M`: static embeddings (MinishLab, MIT), int8; needs no ONNX Runtime.
 * - `splade-tiny`: a learned sparse encoder (BERT-tiny, Apache-2.0), its matrices int8.
 */
export const embeddedModels = ["potion-base-4M", "splade-tiny"] as const

export type EmbeddedModel = (typeof embeddedModels)[number]

export function isEmbedded(name: string): name is EmbeddedModel {
  return (embeddedModels as readonly string[]).includes(name)
}

/** The folder of a model in the package. Throws `not-found` where the package was copied without its assets. */
export function embeddedModel(name: EmbeddedModel): string {
  const folder = join(packageRoot(), "assets", "models", name)
  if (!existsSync(join(folder, "model.safetensors")))
    throw new RankineError("not-found", `the package's folder assets/models/${name} is missing: reinstall rankine`)
  return folder
}
