/** node-llama-cpp: token ids into sequences of one context, so that nothing but the model is measured. @module */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { getLlama, LlamaLogLevel } from "node-llama-cpp"
import { serve } from "./serve.mjs"

const GREEDY = { temperature: 0, yieldEogToken: true }
const TOP = 50

serve({
  version: JSON.parse(readFileSync(join(import.meta.dirname, "node_modules/node-llama-cpp/package.json"), "utf8"))
    .version,
  async load({ file, threads, contextLength, rows: most = 1 }) {
    // Prebuilt binaries only: nothing is built or downloaded.
    const llama = await getLlama({
      gpu: false,
      build: "never",
      skipDownload: true,
      maxThreads: threads,
      logLevel: LlamaLogLevel.error,
    })
    const model = await llama.loadModel({ modelPath: file })
    const contexts = new Map()
    // One sequence has its context to itself, as a program with one conversation would have it.
    const contextOf = async (rows) => {
      if (!contexts.has(rows)) {
        const context = await model.createContext({
          contextSize: contextLength,
          sequences: rows,
          threads: { ideal: threads, min: threads },
          batchSize: Math.max(512, Math.min(1024, contextLength)),
        })
        contexts.set(rows, { context, sequences: Array.from({ length: rows }, () => context.getSequence()) })
      }
      return contexts.get(rows)
    }
    await contextOf(1)
    if (most > 1) await contextOf(most)
    return {
      facts: { device: "cpu" },
      async generate(rows, count, onToken) {
        const { sequences } = await contextOf(rows.length)
        return Promise.all(
          rows.map(async (prompt, row) => {
            const sequence = sequences[row]
            await sequence.clearHistory()
            const ids = []
            for await (const token of sequence.evaluate(prompt, GREEDY)) {
              ids.push(token)
              onToken?.(row)
              if (ids.length >= count) break
            }
            return ids
          }),
        )
      },
      async nearest(rows, count) {
        const { sequences } = await contextOf(1)
        const answers = []
        for (const prompt of rows) {
          await sequences[0].clearHistory()
          const [ids, top] = [[], []]
          for await (const { token, probabilities } of sequences[0].evaluateWithMetadata(
            prompt,
            { probabilities: true },
            GREEDY,
          )) {
            ids.push(token)
            top.push([...probabilities].slice(0, TOP).map(([id, probability]) => [id, Math.log(probability)]))
            if (ids.length >= count) break
          }
          answers.push({ ids, top })
        }
        return answers
      },
      release: () => llama.dispose(),
    }
  },
})
