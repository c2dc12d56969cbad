/** wink-bm25-text-search: wink-nlp-utils' tokenizer and Porter2 stemmer, Lucene's stop words, k1 0.9, b 0.4. @module */
import { createRequire } from "node:module"
import { stopWords } from "./english.mjs"
import { peerVersion, serve } from "./serve.mjs"

const require = createRequire(new URL("../peers/package.json", import.meta.url))
const createEngine = require("wink-bm25-text-search")
const nlp = require("wink-nlp-utils")
const filter = nlp.helper.returnWordsFilter([...stopWords])

const tasks = {
  english: [
    nlp.string.lowerCase,
    nlp.string.tokenize0,
    (tokens) => tokens.filter((token) => filter.exclude(token)),
    nlp.tokens.stem,
  ],
  whitespace: [(text) => text.split(" ")],
}

await serve({
  version: peerVersion("wink-bm25-text-search"),
  slice: 1,
  build(documents, analyzer) {
    const index = createEngine()
    index.defineConfig({ fldWeights: { text: 1 }, bm25Params: { k1: 0.9, b: 0.4, k: 1 } })
    index.definePrepTasks(tasks[analyzer])
    for (const { id, text } of documents) index.addDoc({ text }, id)
    index.consolidate()
    return index
  },
  search: (index, [query], k) => [index.search(query.text, k)],
  ids: (_, lists) => lists.map((hits) => hits.map(([id]) => id)),
  tokenise: (text, analyzer) => tasks[analyzer].reduce((value, task) => task(value), text),
})
