/** Where models and prepared texts lie. @module */
import { existsSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { benchFolder } from "../engines.mjs"
import { rootFolder } from "../ours.mjs"

export const cacheFolder = join(benchFolder, "results", "cache", "neural")
export const dataFolder = join(rootFolder, "..", "shared", "data")
const sharedModels = join(rootFolder, "..", "shared", "models")

/** all-MiniLM-L6-v2 as it was published: safetensors. */
export function miniLmFolder() {
  const root = process.env.RANKINE_MODELS || join(homedir(), ".cache", "rankine", "models")
  return join(root, "all-MiniLM-L6-v2")
}

/** What bench:setup makes of it: the same model with an ONNX file, and the same transformer with one random score on top. */
export const exportedFolder = join(cacheFolder, "models", "all-MiniLM-L6-v2")
export const crossEncoderFolder = join(cacheFolder, "models", "minilm-cross-encoder")

/** A small model of the repository's neighbourhood or of the package, by name; undefined where it is not there. */
export function smallModel(name) {
  return [join(rootFolder, "assets", "models", name), join(sharedModels, name)].find((folder) => existsSync(folder))
}
