/** Ours, as its documentation says: one call with everything. @module */
import { ours, ourVersion } from "../../lib/ours.mjs"
import { serve } from "./serve.mjs"

const { loadEmbedder } = await ours("src/models/index.js")
const { loadCrossEncoder } = (await ours("src/models/cross-encoder.js")) ?? {}

await serve({
  version: ourVersion,
  async load({ task, folder, threads, maxLength, precision, batch }) {
    const options = { threads, maxLength, ...(precision === "fp32" ? {} : { precision }), ...(batch ? { batch } : {}) }
    const load = task === "embed" ? loadEmbedder : loadCrossEncoder
    if (!load) throw new Error("this build has no cross-encoders")
    const model = await load(folder, options)
    return { model, facts: { device: model.device } }
  },
  async run({ model }, { texts, groups }) {
    if (texts) {
      const { vectors, tokens } = await model.embed(texts, "document")
      return { values: vectors, tokens }
    }
    const pairs = groups.flatMap(({ query, documents }) => documents.map((document) => ({ query, document })))
    const { scores, tokens } = await model.score(pairs)
    return { values: [...scores], tokens }
  },
  release: ({ model }) => model[Symbol.asyncDispose](),
})
