/** What models answered, kept on disk. @module */
export { cacheEmbeddings } from "./cache-embeddings.js"
export { cacheScores } from "./cache-scores.js"
export { cacheSparse } from "./cache-sparse.js"
export { type CacheOptions, type CacheStats, defaultCacheDir, type ModelCache, openCache } from "./open-cache.js"
