/** Parts `dense` and `sparse` for pipeline files, where the build that is measured does not bring them. @module */
import { ours } from "../ours.mjs"

async function openCacheIn(models, directory) {
  if (directory === undefined || !models.openCache) return undefined
  try {
    return await models.openCache(directory)
  } catch (error) {
    console.error(`without a cache: ${error.message}`)
    return undefined
  }
}

/** Registers what is missing; gives what the table wants to know of the indexes that were built. */
export async function registerNeuralParts({ threads, cacheDirectory }) {
  const z = await import("zod")
  const models = await ours("src/models/index.js")
  const { openEmbedder = openByFiles } = { openEmbedder: models.openEmbedder }
  const { partNames } = await ours("src/pipelines/registry.js")
  const { registerBuiltInParts } = await ours("src/pipelines/parts/index.js")
  const { collectionOf, registerRetriever } = await ours("src/pipelines/index.js")
  const { DenseIndex } = await ours("retrievers/dense/index.js")
  const { SparseIndex } = (await ours("retrievers/sparse/index.js")) ?? {}
  registerBuiltInParts()
  const cache = await openCacheIn(models, cacheDirectory)
  const indexes = []
  const encoders = []
  const schema = z.strictObject({
    model: z.string(),
    maxLength: z.int().positive().optional(),
    precision: z.string().optional(),
  })
  const missing = (name) => !partNames("retriever").includes(name)
  const keep = (index, encoder) => {
    indexes.push(index)
    encoders.push(encoder)
    return index
  }
  if (missing("dense"))
    registerRetriever("dense", {
      summary: "Dense retrieval by an embedding model, exact.",
      schema,
      async build({ model, ...rest }, context) {
        const encoder = await openEmbedder(model, { threads, ...rest })
        const used = cache && models.cacheEmbeddings ? models.cacheEmbeddings(encoder, cache) : encoder
        return keep(await DenseIndex.build(collectionOf(context, "dense"), { encoder: used }), used)
      },
    })
  if (missing("sparse") && SparseIndex)
    registerRetriever("sparse", {
      summary: "Learned sparse retrieval.",
      schema,
      async build({ model, ...rest }, context) {
        const encoder = await models.loadSparseEncoder(model, { threads, ...rest })
        const used = cache && models.cacheSparse ? models.cacheSparse(encoder, cache) : encoder
        return keep(await SparseIndex.build(collectionOf(context, "sparse"), { encoder: used }), used)
      },
    })
  return {
    truncated() {
      const counts = indexes.map(({ stats }) => stats?.truncated).filter((count) => count !== undefined)
      return counts.length === 0 ? undefined : Math.max(...counts)
    },
    cached: () => encoders.some((encoder) => (encoder.hits ?? encoder.stats?.hits ?? 0) > 0),
  }

  async function openByFiles(folder, options) {
    const { readFileSync } = await import("node:fs")
    const config = JSON.parse(readFileSync(`${folder}/config.json`, "utf8"))
    if (config.model_type === "model2vec" || config.num_hidden_layers === undefined) {
      const { loadStaticEmbedder } = await ours("src/models/static-embedder.js")
      return loadStaticEmbedder(folder, {})
    }
    return models.loadEmbedder(folder, options)
  }
}
