/** Ours, from dist/ or from the build that RANKINE_BENCH_DIST names. @module */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { serve } from "./serve.mjs"

const root = fileURLToPath(new URL("../..", import.meta.url))
const dist = process.env.RANKINE_BENCH_DIST || join(root, "dist")
const load = (path) => import(pathToFileURL(join(dist, path)).href)
const { Bm25Index } = await load("retrievers/bm25/index.js")
const { createAnalyzer } = await load("src/text/index.js")
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
const analyzers = new Map()

await serve({
  version,
  // All queries in one call keep k hits of each alive until the last is done, and at k = 1000 V8's collector copies them again and again.
  slice: 16,
  build: (documents, analyzer) => Bm25Index.build(documents, { analyzer, k1: 0.9, b: 0.4, storeDocuments: false }),
  search: (index, queries, k) => index.retrieve(queries, { topK: k }),
  ids: (_, rankings) => rankings.map(({ hits }) => hits.map(({ id }) => id)),
  tokenise(text, analyzer) {
    if (!analyzers.has(analyzer)) analyzers.set(analyzer, createAnalyzer(analyzer))
    return analyzers.get(analyzer).terms(text)
  },
  facts: ({ stats }) => ({ postings: stats.postings, bytes: stats.bytes, segments: stats.segments }),
})
