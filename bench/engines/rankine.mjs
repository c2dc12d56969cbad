/** Ours, as built into dist/. @module */
import { readFileSync } from "node:fs"
import { Bm25Index } from "../../dist/retrievers/bm25/index.js"
import { createAnalyzer } from "../../dist/src/text/index.js"
import { serve } from "./serve.mjs"

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
const analyzers = new Map()

await serve({
  version,
  slice: Number.POSITIVE_INFINITY,
  build: (documents, analyzer) => Bm25Index.build(documents, { analyzer, k1: 0.9, b: 0.4, storeDocuments: false }),
  search: (index, queries, k) => index.retrieve(queries, { topK: k }),
  ids: (_, rankings) => rankings.map(({ hits }) => hits.map(({ id }) => id)),
  tokenise(text, analyzer) {
    if (!analyzers.has(analyzer)) analyzers.set(analyzer, createAnalyzer(analyzer))
    return analyzers.get(analyzer).terms(text)
  },
  facts(index) {
    const { postings, postingBytes } = index.statistics()
    return { postings, bytes: postingBytes }
  },
})
