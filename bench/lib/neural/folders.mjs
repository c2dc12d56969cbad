/** Where models and prepared texts lie. @module */
import { existsSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { benchFolder } from "../engines.mjs"
import { rootFolder } from "../ours.mjs"

export const cacheFolder = join(benchFolder, "results", "cache", "neural")
export const dataFolder = join(rootFolder, "..", "shared", "data")
const assets = join(rootFolder, "assets", "models")
const sharedModels = join(rootFolder, "..", "shared", "models")

/** all-MiniLM-L6-v2 as it was published: safetensors. */
export function miniLmFolder() {
  const root = process.env.RANKINE_MODELS || join(homedir(), ".cache", "rankine", "models")
  return join(root, "all-MiniLM-L6-v2")
}

/** What bench:setup makes of it: the same model with an ONNX file, and the same transformer with one random score on top. */
export const exportedFolder = join(cacheFolder, "models", "all-MiniLM-L6-v2")
export const crossEncoderFolder = join(cacheFolder, "models", "minilm-cross-encoder")

const firstThere = (...folders) => folders.find((folder) => existsSync(join(folder, "model.safetensors")))

/** The models that the package carries, and where their originals lie beside the repository; undefined where neither is there. */
export const smallModels = {
  "potion-base-4M-int8": firstThere(join(sharedModels, "potion-base-4M-int8"), join(assets, "potion-base-4M")),
  "splade-tiny": firstThere(join(sharedModels, "splade-tiny")),
  "splade-tiny-int8": firstThere(join(assets, "splade-tiny")),
}
