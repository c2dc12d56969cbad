/** The delay of the main thread's event loop during one kind of work. @module */
import { readFileSync } from "node:fs"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { ours } from "../../lib/ours.mjs"
import { finish, settings } from "./child.mjs"

const { phase, threads, folder, file, maxLength } = settings
const set = JSON.parse(readFileSync(file, "utf8"))
const models = await ours("src/models/index.js")
const { loadStaticEmbedder } = await ours("src/models/static-embedder.js")
const { DenseIndex } = await ours("retrievers/dense/index.js")

const documents = (texts) => texts.map((text, i) => ({ id: String(i), text }))
const queries = (texts) => texts.map((text, i) => ({ id: String(i), text }))

async function crossEncoder() {
  const crossEncoders = await ours("src/models/cross-encoder.js")
  if (!crossEncoders) throw new Error("this build has no cross-encoders")
  const model = await crossEncoders.loadCrossEncoder(folder, { threads, maxLength })
  const pairs = set.groups.flatMap(({ query, documents: some }) => some.map((document) => ({ query, document })))
  return () => model.score(pairs)
}

/** Each prepares, and gives back the work during which delays are taken. */
const phases = {
  async build() {
    const encoder = await models.loadEmbedder(folder, { threads, maxLength })
    return () => DenseIndex.build(documents(set.texts), { encoder })
  },
  async search() {
    const encoder = await models.loadEmbedder(folder, { threads, maxLength })
    const index = await DenseIndex.build(documents(set.texts.slice(0, 200)), { encoder })
    return () => index.retrieve(queries(set.texts.map((text) => text.slice(0, 120))), { topK: 100 })
  },
  async "build-static"() {
    const encoder = await loadStaticEmbedder(folder)
    return () => DenseIndex.build(documents(set.texts), { encoder })
  },
  async sparse() {
    const encoder = await models.loadSparseEncoder(folder, { threads, maxLength })
    return () => encoder.embed(set.texts, "document")
  },
  rerank: crossEncoder,
}

const work = await phases[phase]()
const delays = monitorEventLoopDelay({ resolution: 1 })
// The first turns of a loop are those of loading.
await new Promise((resolve) => setTimeout(resolve, 50))
delays.enable()
const started = performance.now()
await work()
const seconds = (performance.now() - started) / 1000
// What held the loop to the very end shows with the next turn only.
await new Promise((resolve) => setTimeout(resolve, 5))
delays.disable()
finish({
  seconds,
  meanMs: delays.mean / 1e6,
  p99Ms: delays.percentile(99) / 1e6,
  maximumMs: delays.max / 1e6,
})
