/**
 * SQLite FTS5 in memory (better-sqlite3): unicode61 and Porter. Its bm25() has k1 1.2 and b 0.75 built in, and it has no stop words,
 * so that they are left out of the queries instead.
 * @module
 */
import { createRequire } from "node:module"
import { stopWords } from "./english.mjs"
import { peerVersion, serve } from "./serve.mjs"

const require = createRequire(new URL("../peers/package.json", import.meta.url))
const Database = require("better-sqlite3")

function expression(text, analyzer) {
  const words = analyzer === "whitespace" ? text.split(" ") : text.toLowerCase().split(/[^\p{L}\p{N}]+/u)
  const kept = analyzer === "whitespace" ? words : words.filter((word) => word !== "" && !stopWords.has(word))
  return [...new Set(kept)].map((word) => `"${word}"`).join(" OR ")
}

await serve({
  version: peerVersion("better-sqlite3"),
  slice: 1,
  build(documents, analyzer) {
    const database = new Database(":memory:")
    const tokenizer = analyzer === "whitespace" ? "unicode61" : "porter unicode61"
    database.exec(`create virtual table documents using fts5(text, content='', tokenize='${tokenizer}')`)
    const insert = database.prepare("insert into documents(rowid, text) values (?, ?)")
    database.transaction(() => {
      for (let i = 0; i < documents.length; i++) insert.run(i, documents[i].text)
    })()
    database.exec("insert into documents(documents) values ('optimize')")
    const statement = database
      .prepare("select rowid from documents where documents match ? order by rank limit ?")
      .pluck()
    return { analyzer, statement, names: documents.map(({ id }) => id) }
  },
  search(index, [query], k) {
    const match = expression(query.text, index.analyzer)
    return [match === "" ? [] : index.statement.all(match, k)]
  },
  ids: (index, lists) => lists.map((rows) => rows.map((row) => index.names[row])),
})
