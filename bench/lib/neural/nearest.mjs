/** Exact, quantised and graph indexes over the same vectors: recall, speed, size; and kills while saving. @module */
import { mkdir, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { runChild } from "./child.mjs"
import { cacheFolder, smallModels } from "./folders.mjs"
import { killWhileSaving } from "./kills.mjs"
import { pieces } from "./pieces.mjs"

const VECTORS = 100_000
const QUERIES = 1000
const EFS = [16, 32, 64, 128, 256, 512]

const kinds = [
  { kind: "flat", variants: [{ setting: "exact", options: {} }] },
  {
    kind: "flat-int8",
    variants: [1, 4].map((oversample) => ({ setting: `oversample ${oversample}`, options: { oversample } })),
  },
  {
    kind: "flat-binary",
    variants: [4, 10, 30].map((oversample) => ({ setting: `oversample ${oversample}`, options: { oversample } })),
  },
  { kind: "hnsw", variants: EFS.map((efSearch) => ({ setting: `ef ${efSearch}`, options: { hnsw: { efSearch } } })) },
  {
    kind: "usearch",
    variants: EFS.map((expansionSearch) => ({
      setting: `ef ${expansionSearch}`,
      options: { usearch: { expansionSearch } },
    })),
  },
]

/** Vectors of pieces: the last thousand are the queries and not in the index. */
async function prepare(count, folder, options) {
  const texts = await pieces(count + QUERIES, options)
  const file = join(folder, "texts.json")
  const [corpus, queries] = [join(folder, `corpus-${count}.f32`), join(folder, `queries-${count}.f32`)]
  const model = smallModels["potion-base-4M-int8"]
  if (model === undefined) throw new Error("potion-base-4M-int8 is not here: nothing to embed with")
  let dimension
  for (const [out, some] of [
    [corpus, texts.slice(0, count)],
    [queries, texts.slice(count)],
  ]) {
    await writeFile(file, JSON.stringify(some))
    dimension = (await runChild("nearest.mjs", { operation: "vectors", folder: model, file, out }, options)).dimension
  }
  return { corpus, queries, dimension }
}

async function measureKind({ kind, variants }, files, folder, truthFile, options) {
  const { corpus: file, queries: queryFile, dimension } = files
  const own = join(folder, kind)
  options.onStatus?.(`nearest: ${kind} is built`)
  const built = await runChild("nearest.mjs", { operation: "build", kind, file, dimension, folder: own }, options)
  const { saved, buildSeconds, fileBytes } = built
  const asked = { operation: "measure", saved, folder: own, variants, queryFile, dimension, truthFile }
  const { rows } = await runChild("nearest.mjs", asked, options)
  return rows.map((row) => ({ name: kind, ...row, buildSeconds, fileBytes }))
}

/** Measures every kind of index; a kind whose package is missing is a row with the reason. Returns plain data. */
export async function runNearest(given) {
  // One thread: hnsw, usearch and the kernels search on the thread that calls them.
  const options = { ...given, threads: 1 }
  const count = options.limit ?? VECTORS
  const folder = join(cacheFolder, `nearest-${process.pid}`)
  await mkdir(folder, { recursive: true })
  try {
    const files = await prepare(count, folder, options)
    const truthFile = join(folder, "truth.json")
    const rows = []
    for (const one of kinds)
      try {
        rows.push(...(await measureKind(one, files, folder, truthFile, options)))
      } catch (error) {
        if (one.kind === "flat") throw error
        rows.push({ name: one.kind, absent: error.message })
      }
    const kills = await killWhileSaving("hnsw", files, join(folder, "killed"), options)
    return { vectors: count, queries: QUERIES, dimension: files.dimension, rows, kills }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
