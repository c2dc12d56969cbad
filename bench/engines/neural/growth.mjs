/** Embeds short texts, a thousand a call, and reads resident memory after each call. @module */
import { readFileSync } from "node:fs"
import { ours } from "../../lib/ours.mjs"
import { finish, heldBytes, peakBytes, settings } from "./child.mjs"

const EVERY = 1000
const { loader, folder, options = {}, file, threads } = settings
const { texts } = JSON.parse(readFileSync(file, "utf8"))
const models = await ours("src/models/index.js")
const { loadStaticEmbedder } = await ours("src/models/static-embedder.js")
const load = loader === "static" ? loadStaticEmbedder : models[loader]
if (!load) throw new Error(`this build has no ${loader}`)
const model = await load(folder, loader === "static" ? options : { threads, ...options })

const samples = []
let tokens = 0
const started = performance.now()
for (let at = 0; at < texts.length; at += EVERY) {
  tokens += (await model.embed(texts.slice(at, at + EVERY), "document")).tokens
  samples.push(heldBytes())
}
const seconds = (performance.now() - started) / 1000
finish({
  texts: texts.length,
  tokens,
  seconds,
  every: EVERY,
  samples,
  first: samples[0],
  last: samples.at(-1),
  peakBytes: peakBytes(),
})
