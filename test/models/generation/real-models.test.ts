/** Checkpoints with trained weights, against tokens and logits of others. */
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { loadLanguageModel } from "../../../src/models/generation/load.js"
import { defaultModelsDir } from "../../../src/models/locate.js"

const shared = join(import.meta.dirname, "../../../../shared/models")
const stories = join(shared, "stories260K")

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

interface Story {
  readonly prompt_ids: readonly number[]
  readonly token_ids: readonly number[]
  readonly text: string
}

describe.skipIf(!installed("onnxruntime-node") || !existsSync(stories))("stories260K", () => {
  const references = async () =>
    JSON.parse(await readFile(join(stories, "reference.json"), "utf8")) as Record<string, Story>

  it.each(["model.safetensors", "stories260K.gguf", "onnx/model.onnx"])(
    "writes the reference's stories (%s)",
    async (file) => {
      await using model = await loadLanguageModel(file.endsWith(".safetensors") ? stories : join(stories, file), {
        device: "cpu",
      })
      const stories_ = Object.values(await references()).filter((entry) => entry.token_ids)
      const answers = await model.generate(
        stories_.map(({ prompt_ids, token_ids }) => ({ prompt: prompt_ids, maxTokens: token_ids.length })),
      )
      for (const [at, { token_ids, prompt_ids, text }] of stories_.entries()) {
        const { tokenIds, finishReason, text: written } = answers[at]!
        // The GGUF file says that the model was made for 128 tokens.
        const cut = prompt_ids.length + token_ids.length > model.maxLength
        expect(finishReason).toBe(cut ? "context" : "length")
        expect(tokenIds).toEqual(token_ids.slice(0, model.maxLength - prompt_ids.length))
        const whole = model.codec.decode(prompt_ids) + written
        expect(cut ? text.slice(0, whole.length) : text).toBe(whole)
      }
    },
  )

  it("samples the same in any company, with prefixes shared or not", async () => {
    await using model = await loadLanguageModel(stories, { device: "cpu" })
    await using plain = await loadLanguageModel(stories, { device: "cpu", sharePrefixes: false })
    const beginning =
      "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day"
    const requests = Array.from({ length: 12 }, (_, seed) => ({
      prompt: `${beginning}${" she".repeat(seed % 3)}`,
      maxTokens: 10 + seed,
      temperature: 1,
      topP: 0.9,
      seed,
    }))
    const together = await model.generate(requests)
    for (const [at, request] of requests.entries()) {
      const [alone] = await plain.generate([request])
      expect(together[at]!.text).toBe(alone!.text)
    }
    expect(together.filter(({ usage }) => usage.cachedTokens > 0).length).toBeGreaterThan(8)
  })

  it("scores tokens and texts as reading them one by one does", async () => {
    await using model = await loadLanguageModel(stories, { device: "cpu" })
    const prompt = "Once upon a time, there was a little girl named"
    const [likelihood] = await model.logLikelihood([{ prompt, continuation: " Lily. She" }])
    let text = prompt
    for (const token of likelihood!.tokens) {
      const [scores] = await model.scoreTokens([{ prompt: text }], [token.id!])
      expect(token.logprob).toBeCloseTo(scores!.logprobs[0]!, 4)
      text += token.text
    }
    expect(text).toBe(`${prompt} Lily. She`)
    const suffixes = [" Lily", " Tim", " she was", " the"]
    const shared_ = await model.scoreTokens({ prefix: prompt, suffixes }, [" Lily", "."])
    for (const [at, suffix] of suffixes.entries()) {
      const [alone] = await model.scoreTokens([{ prompt: prompt + suffix }], [" Lily", "."])
      for (const column of [0, 1]) expect(shared_[at]!.logits![column]).toBeCloseTo(alone!.logits![column]!, 4)
    }
  })
})

interface Prompt {
  readonly prompt: string
  readonly input_ids: readonly number[]
  readonly top8: readonly (readonly [number, number])[]
  readonly prompt_mean_nll: number
  readonly greedy_ids: readonly number[]
  readonly greedy_text: string
}

describe.each(["SmolLM2-135M-Instruct", "gemma-3-270m"])("%s", (name) => {
  const file = join(defaultModelsDir(), name, "model.gguf")
  it.skipIf(!installed("onnxruntime-node") || !existsSync(file) || !existsSync(shared))(
    "scores and writes as transformers does with the dequantised weights",
    async () => {
      const prompts: Prompt[] = JSON.parse(await readFile(join(shared, "reference", `${name}.json`), "utf8"))
      await using model = await loadLanguageModel(file, { device: "cpu", maxLength: 512, precision: "fp32" })
      for (const { prompt, input_ids } of prompts) expect(model.codec.encode({ prompt })).toEqual(input_ids)
      const chat = prompts.find(({ prompt }) => prompt.includes("Name three fruits."))
      if (chat)
        expect(model.codec.encode({ messages: [{ role: "user", content: "Name three fruits." }] })).toEqual(
          chat.input_ids,
        )
      const answers = await model.generate(prompts.map(({ prompt }) => ({ prompt, maxTokens: 12, logprobs: 8 })))
      for (const [at, { prompt, top8, greedy_ids, greedy_text }] of prompts.entries()) {
        const [scores] = await model.scoreTokens(
          [{ prompt }],
          top8.map(([id]) => id),
        )
        for (const [column, [, logit]] of top8.entries())
          expect(Math.abs(scores!.logits![column]! - logit)).toBeLessThan(1e-3)
        expect(answers[at]!.tokenIds).toEqual(greedy_ids.slice(0, 12))
        expect(greedy_text.startsWith(answers[at]!.text.replace(/\ufffd$/, ""))).toBe(true)
        expect(answers[at]!.logprobs![0]!.top.map(({ id }) => id)).toEqual(top8.map(([id]) => id))
      }
      // Special tokens in a continuation are plain text.
      const plain = prompts.filter(({ prompt }) => !prompt.includes("<"))
      const nll = await model.logLikelihood(
        plain.map(({ prompt, input_ids }) => ({
          prompt: input_ids.slice(0, 1),
          continuation: prompt.slice(model.codec.decode(input_ids.slice(0, 1)).length),
        })),
      )
      for (const [at, { prompt_mean_nll, input_ids }] of plain.entries())
        expect(-nll[at]!.logprob / (input_ids.length - 1)).toBeCloseTo(prompt_mean_nll, 3)
    },
    300_000,
  )
})
