import { existsSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { loadDecoder } from "../../../src/models/decoder/load.js"
import { planSuffixes, roomOf } from "../../../src/models/decoder/plan.js"
import { defaultModelsDir } from "../../../src/models/locate.js"
import { largestDifference } from "./reference.js"

const tiny = join(import.meta.dirname, "../../../../shared/models/tiny")

describe("planSuffixes", () => {
  it("lays rows side by side, in their order, each once, as far as there is room", () => {
    const counts = [100, 100, 60, 1, 300, 256, 30, 600]
    const runs = planSuffixes(counts, 20, 2048)
    const read = runs.flatMap(({ parts }) => parts)
    for (const [row, count] of counts.entries()) {
      const own = read.filter((part) => part.row === row)
      expect(own[0]!.start).toBe(0)
      expect(own.at(-1)!.end).toBe(count)
      for (const { before, start } of own) expect(before).toBe(20 + start)
    }
    expect(read.map(({ row }) => row)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 7])
    expect(runs.map(({ parts }) => parts.length)).toEqual([2, 2, 1, 1, 1, 1, 1])
    expect(runs.map(({ sideBySide = false }) => sideBySide)).toEqual([true, true, false, false, false, false, false])
    expect(Math.max(...runs.map(roomOf))).toBe(620)
  })

  it("reads each for itself where there is no room for two", () => {
    expect(planSuffixes([5, 5, 5], 20, 0).every(({ parts }) => parts.length === 1)).toBe(true)
    expect(planSuffixes([5, 5, 5], 20, 32).map(({ parts }) => parts.length)).toEqual([2, 1])
  })
})

// A window, turned halves and norms of heads: every way in which a token's place counts.
describe.skipIf(!existsSync(tiny)).each(["llama", "mistral-window", "qwen3", "gemma3"])("%s", (name) => {
  it("gives texts that go on side by side the numbers of texts read whole", async () => {
    await using model = await loadDecoder(join(tiny, name), { device: "cpu", contextLength: 512 })
    const { vocabulary } = model.config
    const text = (seed: number, length: number) =>
      Array.from({ length }, (_, at) => (seed * 31 + at * at * 7 + at * 3) % vocabulary)
    const beginning = text(1, 9)
    const suffixes = Array.from({ length: 14 }, (_, seed) => text(seed + 2, 3 + ((seed * 11) % 60)))
    await using prefix = await model.createCache(1)
    await model.read([beginning], { cache: prefix, logits: "none" })
    const shared = await model.read(suffixes, { cache: prefix, keep: false })
    for (const [at, suffix] of suffixes.entries()) {
      const alone = await model.read([[...beginning, ...suffix]])
      expect(largestDifference([shared.logits[at]!], alone.logits)).toBeLessThan(1e-4)
    }
    expect(prefix.lengths).toEqual([9])
  })
})

const smol = join(defaultModelsDir(), "SmolLM2-135M-Instruct", "model.gguf")

it.skipIf(!existsSync(smol))("blocks with exact activations score the same after a shared beginning", async () => {
  const options = { device: "cpu", precision: "blocks", contextLength: 256 } as const
  await using model = await loadDecoder(smol, { ...options, exactActivations: true })
  expect(model.checksum).toMatch(/-blocks-exact$/)
  const beginning = Array.from({ length: 24 }, (_, at) => 300 + at * 61)
  const suffixes = [7, 19, 33].map((length) => Array.from({ length }, (_, at) => 900 + length + at * 37))
  await using prefix = await model.createCache(1)
  await model.read([beginning], { cache: prefix, logits: "none" })
  const shared = await model.read(suffixes, { cache: prefix, keep: false })
  const whole = await model.read(suffixes.map((suffix) => [...beginning, ...suffix]))
  expect(largestDifference(shared.logits, whole.logits)).toBeLessThan(1e-4)
})
