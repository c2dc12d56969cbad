/** What the table wants to know of the indexes inside a pipeline, which a pipeline does not show; and a cache for their documents. @module */

async function openCacheIn({ openCache }, directory) {
  try {
    return await openCache(directory)
  } catch (error) {
    console.error(`without a cache: ${error.message}`)
    return undefined
  }
}

/** Documents are asked of the cache, queries of the model: what a query takes is measured. */
export function withCachedDocuments(encoder, cached) {
  return new Proxy(encoder, {
    get(target, key) {
      if (key === "embed" || key === "encode")
        return (texts, side, options) => (side === "document" ? cached : target)[key](texts, side, options)
      const value = Reflect.get(target, key, target)
      return typeof value === "function" ? value.bind(target) : value
    },
  })
}

/**
 * From now on every dense and sparse index that is built is kept sight of, its documents embedded through the cache of `cacheDirectory`
 * where that is given. `load` imports a module of ours by its path in dist.
 */
export async function observeIndexes({ load, cacheDirectory }) {
  const caches = cacheDirectory === undefined ? undefined : await load("src/models/cache/index.js")
  const cache = caches && (await openCacheIn(caches, cacheDirectory))
  const indexes = []
  const observe = async (path, name, wrap) => {
    const Index = (await load(path))?.[name]
    if (!Index) return
    const build = Index.build
    Index.build = async (documents, options) => {
      const { encoder } = options
      const used = cache && wrap ? withCachedDocuments(encoder, wrap(encoder, cache)) : encoder
      const index = await build.call(Index, documents, { ...options, encoder: used })
      indexes.push(index)
      return index
    }
  }
  await observe("retrievers/dense/index.js", "DenseIndex", caches?.cacheEmbeddings)
  await observe("retrievers/sparse/index.js", "SparseIndex", caches?.cacheSparse)
  return {
    /** Documents that were cut, in the index where that were most: the indexes of a pipeline hold the same documents. */
    truncated: () => Math.max(0, ...indexes.map(({ stats }) => stats?.truncated ?? 0)),
    /** Did the cache answer for a model? */
    cached: () => (cache?.stats.hits ?? 0) > 0,
  }
}
