/**
 * The texts and pairs that are measured, as JSON files that every engine reads alike: { texts } or { groups: [{ query, documents }] }.
 * @module
 */
import { existsSync } from "node:fs"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { cacheFolder, dataFolder } from "./folders.mjs"

const PAIR_QUERIES = 5
const MIXED_QUERIES = 300

async function readLines(...path) {
  const file = join(dataFolder, ...path)
  if (!existsSync(file)) throw new Error(`there is no ${path.join("/")} in the data folder beside the repository`)
  const lines = (await readFile(file, "utf8")).split("\n")
  return lines.filter((line) => line.trim() !== "").map((line) => JSON.parse(line))
}

const joined = ({ title, text }) => (title ? `${title} ${text}` : text)

/** Takes from the lists in turn, so that lengths are mixed from the first text on. */
export function interleave(lists) {
  const longest = Math.max(...lists.map((list) => list.length))
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => (i < list.length ? [list[i]] : []))).flat()
}

/** Queries, each with its own run of consecutive documents. */
export function pairGroups(queries, documents, count) {
  const each = Math.floor(documents.length / count)
  return queries.slice(0, count).map((query, i) => ({ query, documents: documents.slice(i * each, (i + 1) * each) }))
}

const makers = {
  /** SciFact's first 512 documents. */
  async scifact() {
    return { texts: (await readLines("scifact", "corpus.jsonl")).slice(0, 512).map(joined) }
  },
  /** Programming tasks, queries and abstracts in turn: 10 to 256 tokens. */
  async mixed() {
    const tasks = (await readLines("mbpp", "mbpp.jsonl")).slice(0, 106).map(({ text, code }) => `${text}\n${code}`)
    const queries = (await readLines("scifact", "queries.jsonl")).slice(0, MIXED_QUERIES).map(({ text }) => text)
    const abstracts = (await readLines("scifact", "corpus.jsonl")).slice(0, 106).map(joined)
    return { texts: interleave([queries, tasks, abstracts]) }
  },
  /** A thousand abstracts, for memory. */
  async passages() {
    return { texts: (await readLines("scifact", "corpus.jsonl")).slice(0, 1000).map(joined) }
  },
  /** 500 pairs: five queries with a hundred documents each. */
  async pairs() {
    const queries = (await readLines("scifact", "queries.jsonl")).map(({ text }) => text)
    const documents = (await readLines("scifact", "corpus.jsonl")).slice(0, 500).map(joined)
    return { groups: pairGroups(queries, documents, PAIR_QUERIES) }
  },
}

/** Writes a set into the cache and says where it is: { name, file, items }. `limit` keeps the first so many texts or documents a query. */
export async function prepareSet(name, limit = Number.POSITIVE_INFINITY) {
  await mkdir(cacheFolder, { recursive: true })
  const whole = await makers[name]()
  const set = whole.texts
    ? { texts: whole.texts.slice(0, limit) }
    : {
        groups: whole.groups.map(({ query, documents }) => ({
          query,
          documents: documents.slice(0, Math.ceil(limit / whole.groups.length)),
        })),
      }
  const items = set.texts?.length ?? set.groups.reduce((sum, { documents }) => sum + documents.length, 0)
  const file = join(cacheFolder, `${name}-${items}.json`)
  await writeFile(file, JSON.stringify(set))
  return { name, file, items }
}
