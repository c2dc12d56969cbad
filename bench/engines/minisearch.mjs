/** minisearch: its own tokenizer, Lucene's stop words, elasticlunr's Porter stemmer; d = 0 makes its BM25+ plain BM25. @module */
import { createRequire } from "node:module"
import { stopWords } from "./english.mjs"
import { peerVersion, serve } from "./serve.mjs"

const require = createRequire(new URL("../peers/package.json", import.meta.url))
const MiniSearch = require("minisearch")
const { stemmer } = require("elasticlunr")

function analysis(analyzer) {
  if (analyzer === "whitespace") return { tokenize: (text) => text.split(" "), processTerm: (term) => term }
  return {
    processTerm(term) {
      const lower = term.toLowerCase()
      return lower === "" || stopWords.has(lower) ? null : stemmer(lower)
    },
  }
}

await serve({
  version: peerVersion("minisearch"),
  slice: 1,
  build(documents, analyzer) {
    const index = new MiniSearch({
      fields: ["text"],
      ...analysis(analyzer),
      searchOptions: { bm25: { k: 0.9, b: 0.4, d: 0 } },
    })
    index.addAll(documents)
    return index
  },
  search: (index, [query], k) => [index.search(query.text).slice(0, k)],
  ids: (_, lists) => lists.map((hits) => hits.map(({ id }) => id)),
  tokenise(text, analyzer) {
    const { tokenize = MiniSearch.getDefault("tokenize"), processTerm } = analysis(analyzer)
    return tokenize(text).map(processTerm)
  },
})
