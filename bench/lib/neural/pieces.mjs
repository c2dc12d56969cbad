/** Pieces of a few sentences from the judged collections, by the package's own chunking. @module */
import { existsSync } from "node:fs"
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { ours } from "../ours.mjs"
import { cacheFolder, dataFolder } from "./folders.mjs"

const TOKENS = 24
const LEAST_WORDS = 5

/** Every collection's documents, collection by collection in order of name, and those of collections within collections. */
async function corpora(folder, depth = 2) {
  const found = []
  for (const entry of (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && depth > 0) found.push(...(await corpora(path, depth - 1)))
    else if (entry.name === "corpus.jsonl") found.push(path)
  }
  return found
}

async function readPieces(file, chunk) {
  const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line.trim() !== "")
  return lines.flatMap((line) => {
    const { _id, text } = JSON.parse(line)
    const options = { maxTokens: TOKENS, overlap: 0, format: "text" }
    return chunk({ id: String(_id), text: text ?? "" }, options)
      .map((piece) => piece.text.replace(/\s+/g, " ").trim())
      .filter((piece) => piece.split(" ").length >= LEAST_WORDS)
  })
}

/** The most that a benchmark asks for; kept together, since fewer are the beginning of more. */
const KEPT = 101_000

/** The pieces of all collections, the collections in turn so that few resemble all, each once. */
async function gather(onStatus) {
  const { chunk } = await ours("datasets/index.js")
  const lists = []
  for (const corpus of await corpora(dataFolder)) {
    lists.push(await readPieces(corpus, chunk))
    onStatus?.(`pieces: ${lists.at(-1).length} of ${corpus.slice(dataFolder.length + 1)}`)
  }
  const seen = new Set()
  const longest = Math.max(0, ...lists.map((list) => list.length))
  for (let i = 0; i < longest && seen.size < KEPT; i++)
    for (const list of lists) if (i < list.length && seen.size < KEPT) seen.add(list[i])
  return [...seen]
}

/**
 * The first `count` different pieces of at most 24 tokens, cut at ends of sentences where that is possible. Throws Error where the
 * collections do not hold as many.
 */
export async function pieces(count, { onStatus } = {}) {
  const file = join(cacheFolder, "pieces.json")
  if (!existsSync(file)) {
    await mkdir(cacheFolder, { recursive: true })
    await writeFile(file, JSON.stringify(await gather(onStatus)))
  }
  const all = JSON.parse(await readFile(file, "utf8"))
  if (all.length < count) throw new Error(`the collections hold ${all.length} pieces, ${count} are asked for`)
  return all.slice(0, count)
}
