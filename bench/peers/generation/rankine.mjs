/** Ours: `loadLanguageModel` and `generate`, as a program uses them. @module */
import { ours, ourVersion } from "../../lib/ours.mjs"
import { serve } from "./serve.mjs"

serve({
  version: ourVersion,
  async load({ file, threads, contextLength, precision, session = {} }) {
    const { loadLanguageModel } = await ours("src/models/generation/index.js")
    const model = await loadLanguageModel(file, {
      device: "cpu",
      threads,
      maxLength: contextLength,
      precision,
      ...session,
    })
    const write = (rows, settings, onToken) =>
      model.generate(
        rows.map((prompt) => ({ prompt, ...settings })),
        // Only the last event of an answer has no token.
        onToken ? { onToken: (row, { tokenId }) => tokenId !== undefined && onToken(row) } : {},
      )
    return {
      facts: { device: model.device, precision: model.precision },
      async generate(rows, count, onToken) {
        const answers = await write(rows, { maxTokens: count }, onToken)
        return answers.map(({ tokenIds }) => tokenIds)
      },
      async nearest(rows, count) {
        const answers = await write(rows, { maxTokens: count, logprobs: 5 })
        return answers.map(({ tokenIds, logprobs }) => ({
          ids: tokenIds,
          top: logprobs.map(({ top }) => top.map(({ id, logprob }) => [id, logprob])),
        }))
      },
      release: () => model[Symbol.asyncDispose](),
    }
  },
})
