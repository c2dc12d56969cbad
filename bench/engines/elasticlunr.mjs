/** elasticlunr: its default English pipeline (trimmer, stop words, Porter); it scores by TF-IDF and has no BM25 to set. @module */
import { createRequire } from "node:module"
import { peerVersion, serve } from "./serve.mjs"

const require = createRequire(new URL("../peers/package.json", import.meta.url))
const elasticlunr = require("elasticlunr")
const options = { fields: { text: {} }, bool: "OR", expand: false }

await serve({
  version: peerVersion("elasticlunr"),
  slice: 1,
  build(documents, analyzer) {
    const index = elasticlunr()
    index.addField("text")
    index.setRef("id")
    index.saveDocument(false)
    if (analyzer === "whitespace") index.pipeline.reset()
    for (const document of documents) index.addDoc(document)
    return index
  },
  search: (index, [query], k) => [index.search(query.text, options).slice(0, k)],
  ids: (_, lists) => lists.map((hits) => hits.map(({ ref }) => ref)),
  tokenise(text, analyzer) {
    const tokens = elasticlunr.tokenizer(text)
    if (analyzer === "whitespace") return tokens
    const { trimmer, stopWordFilter, stemmer } = elasticlunr
    return tokens.map((token) => {
      const kept = stopWordFilter(trimmer(token))
      return kept === undefined ? undefined : stemmer(kept)
    })
  },
})
