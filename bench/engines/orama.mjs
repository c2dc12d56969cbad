/** @orama/orama: its English stemmer, Lucene's stop words, k 0.9, b 0.4, d 0; a query word also finds its prefixes, as always there. @module */
import { createRequire } from "node:module"
import { stopWords } from "./english.mjs"
import { peerVersion, serve } from "./serve.mjs"

const require = createRequire(new URL("../peers/package.json", import.meta.url))
const { components, create, insertMultiple, search } = require("@orama/orama")

function tokenizer(analyzer) {
  if (analyzer === "whitespace")
    return { language: "english", normalizationCache: new Map(), tokenize: (text) => text.split(" ") }
  // Without allowDuplicates it forgets how often a word occurs in a document.
  return components.tokenizer.createTokenizer({
    language: "english",
    stemming: true,
    stopWords: [...stopWords],
    allowDuplicates: true,
  })
}

const tokenizers = new Map()

await serve({
  version: peerVersion("@orama/orama"),
  slice: 1,
  async build(documents, analyzer) {
    const index = create({ schema: { text: "string" }, components: { tokenizer: tokenizer(analyzer) } })
    await insertMultiple(index, documents, 1000)
    return index
  },
  async search(index, [query], k) {
    const { hits } = await search(index, {
      term: query.text,
      properties: ["text"],
      limit: k,
      relevance: { k: 0.9, b: 0.4, d: 0 },
    })
    return [hits]
  },
  ids: (_, lists) => lists.map((hits) => hits.map(({ id }) => id)),
  tokenise(text, analyzer) {
    if (!tokenizers.has(analyzer)) tokenizers.set(analyzer, tokenizer(analyzer))
    return tokenizers.get(analyzer).tokenize(text, "english", "text", true)
  },
})
