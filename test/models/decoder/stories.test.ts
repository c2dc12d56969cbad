import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { loadDecoder } from "../../../src/models/decoder/load.js"
import type { DecoderSession } from "../../../src/models/decoder/session.js"
import { installed } from "../encoder/reference.js"
import { largestDifference, shared } from "./reference.js"

const folder = join(shared, "stories260K")
const missing = !existsSync(folder) || !installed("onnxruntime-node")

interface Story {
  readonly prompt_ids: readonly number[]
  readonly token_ids: readonly number[]
  readonly first_logits_head: readonly number[]
  readonly first_top2: readonly (readonly [number, number])[]
}

const forms = { safetensors: folder, GGUF: join(folder, "stories260K.gguf"), ONNX: join(folder, "onnx/model.onnx") }

async function stories(): Promise<Story[]> {
  const { note, ...stories } = JSON.parse(await readFile(join(folder, "reference.json"), "utf8"))
  return Object.values(stories)
}

function largest(logits: Float32Array): number {
  return logits.reduce((best, value, index) => (value > logits[best]! ? index : best), 0)
}

/** Greedy tokens of all prompts together, and the logits that the first was chosen from. */
async function greedy(model: DecoderSession, prompts: readonly (readonly number[])[], count: number) {
  await using cache = await model.createCache(prompts.length)
  const first = await model.read(prompts, { cache })
  const tokens = prompts.map((): number[] => [])
  let { logits } = first
  for (let step = 0; step < count; step++) {
    for (const [row, numbers] of logits.entries()) tokens[row]!.push(largest(numbers))
    if (step + 1 < count)
      ({ logits } = await model.read(
        tokens.map((row) => [row.at(-1)!]),
        { cache },
      ))
  }
  return { tokens, first: first.logits }
}

describe.skipIf(missing)("stories260K", () => {
  it.each(Object.entries(forms))("writes the reference's stories from %s", async (_, path) => {
    const all = await stories()
    await using model = await loadDecoder(path, { device: "cpu" })
    const prompts = all.map(({ prompt_ids }) => prompt_ids)
    const { tokens, first } = await greedy(model, prompts, all[0]!.token_ids.length)
    expect(tokens).toEqual(all.map(({ token_ids }) => token_ids))
    for (const [row, { first_logits_head, first_top2 }] of all.entries()) {
      const logits = first[row]!
      // Five decimals are what the reference has.
      expect(
        largestDifference([logits.slice(0, first_logits_head.length)], [Float32Array.from(first_logits_head)]),
      ).toBeLessThan(1e-4)
      for (const [token, value] of first_top2) expect(Math.abs(logits[token]! - value)).toBeLessThan(1e-4)
    }
  })

  it("gives the same logits from all forms, after a step back and from copied rows too", async () => {
    const [story] = await stories()
    const text = [1, ...story!.token_ids.slice(0, 60)]
    const results: Float32Array[][] = []
    for (const path of Object.values(forms)) {
      await using model = await loadDecoder(path, { device: "cpu" })
      await using cache = await model.createCache(1)
      const head = await model.read([text.slice(0, 40)], { cache, logits: "all" })
      cache.rewind([20])
      const tail = await model.read([text.slice(20)], { cache, logits: "all" })
      cache.rewind([30])
      await using rows = await model.selectRows(cache, [0, 0])
      const branches = await model.read([[text[30]!], [7]], { cache: rows })
      const suffixes = await model.read([[7], text.slice(30, 33)], { cache, keep: false })
      expect(cache.lengths).toEqual([30])
      const vocabulary = model.config.vocabulary
      expect(
        largestDifference([head.logits[0]!.slice(20 * vocabulary)], [tail.logits[0]!.slice(0, 20 * vocabulary)]),
      ).toBeLessThan(1e-4)
      expect(largestDifference([branches.logits[1]!], [suffixes.logits[0]!])).toBeLessThan(1e-4)
      expect(
        largestDifference([branches.logits[0]!], [tail.logits[0]!.slice(10 * vocabulary, 11 * vocabulary)]),
      ).toBeLessThan(1e-4)
      results.push([head.logits[0]!, tail.logits[0]!, ...branches.logits, ...suffixes.logits])
    }
    expect(largestDifference(results[1]!, results[0]!)).toBeLessThan(1e-4)
    expect(largestDifference(results[2]!, results[0]!)).toBeLessThan(1e-4)
  })

  it("is near the same with 8 and with 4 bits", async () => {
    const all = await stories()
    const texts = all.map(({ prompt_ids, token_ids }) => [...prompt_ids, ...token_ids])
    await using exact = await loadDecoder(folder, { device: "cpu" })
    const truth = (await exact.read(texts, { logits: "all" })).logits
    const { vocabulary } = exact.config
    for (const [precision, most, least] of [
      ["int8", 0.15, 0.95],
      ["int8-weights", 0.15, 0.95],
      ["int4-weights", 1.2, 0.75],
    ] as const) {
      await using model = await loadDecoder(folder, { device: "cpu", precision })
      const { logits } = await model.read(texts, { logits: "all" })
      let [sum, same, places] = [0, 0, 0]
      for (const [row, numbers] of logits.entries())
        for (let from = 0; from < numbers.length; from += vocabulary) {
          const [ours, theirs] = [numbers, truth[row]!].map((values) => values.subarray(from, from + vocabulary))
          sum += ours!.reduce((total, value, index) => total + Math.abs(value - theirs![index]!), 0) / vocabulary
          same += largest(ours!) === largest(theirs!) ? 1 : 0
          places++
        }
      console.log(
        `${precision}: mean error ${(sum / places).toFixed(4)}, same token ${((100 * same) / places).toFixed(1)} %`,
      )
      expect(sum / places).toBeLessThan(most)
      expect(same / places).toBeGreaterThan(least)
      expect(sum).toBeGreaterThan(0)
    }
  })
})
