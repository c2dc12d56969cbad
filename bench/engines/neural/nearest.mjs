/** One kind of vector index: built, measured, saved under kills, checked. @module */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { mkdir, readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { ours } from "../../lib/ours.mjs"
import { finish, heldBytes, say, settings } from "./child.mjs"

const ADDED_AT_ONCE = 1000
const DEPTH = 10
const SECONDS = 2
/** Vectors of length 1 in float32 have this much with themselves, and next to nothing else has. */
const ITSELF = 0.9999

const { VectorIndex } = await ours("retrievers/dense/index.js")

function readVectors(file, dimension) {
  const bytes = readFileSync(file)
  const flat = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  return Array.from({ length: flat.length / dimension }, (_, i) => flat.subarray(i * dimension, (i + 1) * dimension))
}

async function add(index, vectors, first = 0) {
  for (let at = 0; at < vectors.length; at += ADDED_AT_ONCE) {
    const some = vectors.slice(at, at + ADDED_AT_ONCE)
    await index.add(
      some.map((_, i) => String(first + at + i)),
      some,
    )
  }
}

async function bytesIn(folder) {
  let sum = 0
  for (const name of await readdir(folder)) sum += (await stat(join(folder, name))).size
  return sum
}

const operations = {
  /** Embeds the pieces into a file of float32 rows. */
  async vectors({ folder, file, out }) {
    const { loadStaticEmbedder } = await ours("src/models/static-embedder.js")
    const model = await loadStaticEmbedder(folder, { normalize: true })
    const texts = JSON.parse(readFileSync(file, "utf8"))
    const { vectors } = await model.embed(texts, "document")
    const flat = new Float32Array(vectors.length * model.dimension)
    vectors.forEach((vector, i) => {
      flat.set(vector, i * model.dimension)
    })
    writeFileSync(out, flat)
    return { dimension: model.dimension, rows: vectors.length }
  },

  async build({ kind, file, dimension, folder }) {
    const vectors = readVectors(file, dimension)
    const index = await VectorIndex.create(dimension, { index: kind })
    const started = performance.now()
    await add(index, vectors)
    const buildSeconds = (performance.now() - started) / 1000
    await mkdir(folder, { recursive: true })
    const saved = await index.write(folder, (name, extension) => `${name}.${extension}`)
    return { buildSeconds, saved, fileBytes: await bytesIn(folder) }
  },

  /** Reads a built index with each of the settings, asks one query a call, and compares with the exact answers (or writes them). */
  async measure({ saved, folder, variants, queryFile, dimension, truthFile }) {
    const queries = readVectors(queryFile, dimension)
    const truth = existsSync(truthFile) ? JSON.parse(readFileSync(truthFile, "utf8")) : undefined
    const rows = []
    for (const { setting, options } of variants) {
      const started = performance.now()
      const index = await VectorIndex.read(folder, { ...saved, options: { ...saved.options, ...options } })
      const loadSeconds = (performance.now() - started) / 1000
      const found = queries.map((query) => index.search([query], DEPTH)[0].map(({ id }) => id))
      // Later readings would count what the indexes before left behind.
      const residentBytes = rows.length === 0 ? heldBytes() : undefined
      if (!truth && index.exact) writeFileSync(truthFile, JSON.stringify(found))
      const wanted = truth ?? found
      const hits = found.map((ids, i) => ids.filter((id) => wanted[i].includes(id)).length / wanted[i].length)
      const recall = hits.reduce((sum, share) => sum + share, 0) / hits.length
      rows.push({ setting, recall, queriesPerSecond: speed(index, queries), loadSeconds, residentBytes })
      await index[Symbol.asyncDispose]()
    }
    return { rows }
  },

  /** What the kills begin with. */
  async save({ kind, file, dimension, directory }) {
    const index = await VectorIndex.create(dimension, { index: kind })
    await add(index, readVectors(file, dimension))
    await index.save(directory)
    return {}
  },

  /** Adds vectors and saves over the index that is there, saying when it begins. */
  async overwrite({ directory, file, dimension, more }) {
    const index = await VectorIndex.load(directory)
    await add(index, readVectors(file, dimension).slice(0, more).map(shifted), index.size)
    say("saving")
    const started = performance.now()
    await index.save(directory)
    return { seconds: (performance.now() - started) / 1000 }
  },

  /** Is the index one of the two that it may be, with every vector in its place? */
  async check({ directory, file, dimension, more }) {
    const index = await VectorIndex.load(directory)
    const vectors = readVectors(file, dimension)
    const step = Math.max(1, Math.floor(vectors.length / 500))
    const allIds = index.ids().every((_, i) => index.has(String(i)))
    let itself = true
    for (let i = 0; i < vectors.length; i += step) itself &&= index.search([vectors[i]], 1)[0][0].score > ITSELF
    if (index.size === vectors.length + more)
      for (let i = 0; i < more; i += 10) itself &&= index.search([shifted(vectors[i])], 1)[0][0].score > ITSELF
    return { size: index.size, intact: allIds && itself }
  },
}

/** Another vector than all others: its numbers in another order. */
const shifted = (vector) => Float32Array.from(vector, (_, i) => vector[(i + 1) % vector.length])

function speed(index, queries) {
  const started = performance.now()
  let asked = 0
  for (;;) {
    index.search([queries[asked % queries.length]], DEPTH)
    asked++
    const seconds = (performance.now() - started) / 1000
    if (seconds >= SECONDS) return asked / seconds
  }
}

const { operation, ...rest } = settings
finish(await operations[operation](rest))
