/** Parts `dense` and `sparse` for pipeline files, where the build that is measured does not bring them. @module */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as z from "zod"

async function openCacheIn(models, directory) {
  if (directory === undefined || !models.openCache) return undefined
  try {
    return await models.openCache(directory)
  } catch (error) {
    console.error(`without a cache: ${error.message}`)
    return undefined
  }
}

const schema = z.strictObject({
  model: z.string(),
  maxLength: z.int().positive().optional(),
  precision: z.string().optional(),
})

/** A folder without a transformer's layers holds a static model. */
function isStatic(model) {
  try {
    return JSON.parse(readFileSync(join(model, "config.json"), "utf8")).num_hidden_layers === undefined
  } catch {
    return false
  }
}

/**
 * Registers what is missing; gives what the table wants to know of the indexes that were built. `load` imports a module of ours by its path
 * in dist, or gives undefined where there is none.
 */
export async function registerNeuralParts({ load, threads, cacheDirectory }) {
  const models = await load("src/models/index.js")
  const { loadStaticEmbedder } = await load("src/models/static-embedder.js")
  const { partNames } = await load("src/pipelines/registry.js")
  const { registerBuiltInParts } = await load("src/pipelines/parts/index.js")
  const { collectionOf, registerRetriever } = await load("src/pipelines/index.js")
  const { DenseIndex } = await load("retrievers/dense/index.js")
  const { SparseIndex } = (await load("retrievers/sparse/index.js")) ?? {}
  registerBuiltInParts()
  const cache = await openCacheIn(models, cacheDirectory)
  const indexes = []
  const encoders = []
  const part = (name, Index, open, wrap) => {
    if (partNames("retriever").includes(name) || !Index) return
    registerRetriever(name, {
      summary: `${name} retrieval by a model of this machine.`,
      schema,
      async build({ model, ...rest }, context) {
        const encoder = await open(model, { ...(threads ? { threads } : {}), ...rest })
        const used = cache && wrap ? wrap(encoder, cache) : encoder
        const index = await Index.build(collectionOf(context, name), { encoder: used })
        indexes.push(index)
        encoders.push(used)
        return index
      },
    })
  }
  const openDense = (model, options) =>
    isStatic(model) ? loadStaticEmbedder(model) : models.loadEmbedder(model, options)
  part("dense", DenseIndex, openDense, models.cacheEmbeddings)
  part("sparse", SparseIndex, models.loadSparseEncoder, models.cacheSparse)
  return {
    truncated() {
      const counts = indexes.map(({ stats }) => stats?.truncated).filter((count) => count !== undefined)
      return counts.length === 0 ? undefined : Math.max(...counts)
    },
    cached: () => encoders.some((encoder) => (encoder.hits ?? encoder.stats?.hits ?? 0) > 0),
  }
}
