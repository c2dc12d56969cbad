/**
 * The collections, as files that every engine reads alike: one line a document or query, id, tab, text.
 * @module
 */
import { existsSync } from "node:fs"
import { mkdir, readFile, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { writeGenerated } from "./generate.mjs"

const generatedSizes = { "generated-10k": 10_000, "generated-100k": 100_000, "generated-1m": 1_000_000 }

/** Names in the order in which they run; a name outside the list is taken for a BEIR directory under the data root. */
export const collectionNames = ["scifact", "nfcorpus", "cranfield", "scifact-long", ...Object.keys(generatedSizes)]

const LONG_QUERY_WORDS = 200
const LONG_QUERIES = 300

/** Tabs and line ends separate the fields of the prepared files; to every tokenizer they are one more blank. */
const oneLine = (text) => text.replace(/[\t\r\n]/g, " ")

async function readJsonLines(file) {
  const lines = (await readFile(file, "utf8")).split("\n")
  return lines.filter((line) => line.trim() !== "").map((line) => JSON.parse(line))
}

/** Judgements of a BEIR split: query id → document id → grade. */
export async function readQrels(file) {
  const qrels = new Map()
  const lines = (await readFile(file, "utf8")).split("\n")
  for (const line of lines.slice(1)) {
    const [query, document, grade] = line.split("\t")
    if (grade === undefined) continue
    if (!qrels.has(query)) qrels.set(query, new Map())
    qrels.get(query).set(document, Number(grade))
  }
  return qrels
}

const joinLines = (records) => records.map(({ id, text }) => `${id}\t${oneLine(text)}\n`).join("")

/** Documents long enough, spread evenly over the collection, cut to 200 words: queries as papers and posts pose them. */
function longQueries(documents) {
  const long = documents
    .map(({ id, text }) => ({ id: `long-${id}`, words: text.split(/\s+/).filter(Boolean) }))
    .filter(({ words }) => words.length >= LONG_QUERY_WORDS)
  const step = Math.max(1, long.length / LONG_QUERIES)
  const chosen = Array.from({ length: Math.min(LONG_QUERIES, long.length) }, (_, i) => long[Math.floor(i * step)])
  return chosen.map(({ id, words }) => ({ id, text: words.slice(0, LONG_QUERY_WORDS).join(" ") }))
}

async function prepareBeir(name, source, options) {
  const directory = join(options.dataRoot, source)
  if (!existsSync(join(directory, "corpus.jsonl")))
    return { name, missing: `no ${source}/corpus.jsonl in the data root` }
  const cache = join(options.cache, name)
  await mkdir(cache, { recursive: true })
  const documents = (await readJsonLines(join(directory, "corpus.jsonl"))).map((record) => ({
    id: String(record._id),
    text: record.title ? `${record.title} ${record.text}` : record.text,
  }))
  const long = name.endsWith("-long")
  const qrels = long ? undefined : await readQrels(join(directory, "qrels", "test.tsv"))
  const queries = long
    ? longQueries(documents)
    : (await readJsonLines(join(directory, "queries.jsonl")))
        .map((record) => ({ id: String(record._id), text: record.text }))
        .filter(({ id }) => qrels.has(id))
  const corpus = join(cache, "corpus.tsv")
  const queryFile = join(cache, "queries.tsv")
  await writeFile(corpus, joinLines(documents))
  await writeFile(queryFile, joinLines(queries))
  const bytes = (await stat(corpus)).size
  return {
    name,
    analyzer: "english",
    long,
    corpus,
    queryFile,
    qrels,
    documents: documents.length,
    queries: queries.length,
    bytes,
  }
}

async function prepareGenerated(name, options) {
  const corpus = join(options.cache, name, "corpus.tsv")
  const queryFile = join(options.cache, name, "queries.tsv")
  const documents = generatedSizes[name]
  if (!existsSync(corpus) || !existsSync(queryFile)) {
    options.onStatus?.(`${name}: writing ${documents} documents into the cache`)
    await writeGenerated(documents, corpus, queryFile)
  }
  const queries = (await readFile(queryFile, "utf8")).split("\n").length - 1
  const bytes = (await stat(corpus)).size
  return { name, analyzer: "whitespace", long: false, corpus, queryFile, documents, queries, bytes }
}

/**
 * Makes the files of one collection and says where they are; `missing` holds the reason when its source is absent.
 * Generated collections stay in the cache, the others are small and written anew.
 */
export function prepareCollection(name, options) {
  if (name in generatedSizes) return prepareGenerated(name, options)
  return prepareBeir(name, name.replace(/-long$/, ""), options)
}
