import { embeddedModel, isEmbedded } from "./embedded.js"
import { type Embedder, type EmbedderOptions, loadEmbedder } from "./embedder.js"
import { locateModel } from "./locate.js"
import { readModelJson } from "./model-files.js"
import { loadStaticEmbedder, type StaticEmbedder } from "./static-embedder.js"

/**
 * Loads an embedding model of either sort: static where its files say so (model2vec, a StaticEmbedding module), else a transformer.
 * Options of transformers are ignored by static models, which compute nothing that they could change.
 *
 * @param nameOrPath an embedded model, a folder, or a name that `locateModel` finds
 * @throws RankineError as `loadEmbedder` and `loadStaticEmbedder`
 */
export async function openEmbedder(
  nameOrPath: string,
  options: EmbedderOptions = {},
): Promise<Embedder | StaticEmbedder> {
  const { modelsDir, maxLength, normalize } = options
  const folder = isEmbedded(nameOrPath)
    ? embeddedModel(nameOrPath)
    : await locateModel(nameOrPath, modelsDir === undefined ? {} : { modelsDir })
  if (!(await isStatic(folder))) return loadEmbedder(folder, options)
  return loadStaticEmbedder(folder, {
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(normalize === undefined ? {} : { normalize }),
  })
}

async function isStatic(folder: string): Promise<boolean> {
  const config = await readModelJson(folder, "config.json")
  if (config?.model_type === "model2vec") return true
  const modules = await readModelJson(folder, "modules.json")
  return (
    Array.isArray(modules) &&
    modules.some(({ type }: { type?: unknown }) => typeof type === "string" && type.endsWith("StaticEmbedding"))
  )
}
