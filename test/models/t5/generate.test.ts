import { readFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { loadT5Generator } from "../../../src/models/t5/generate.js"
import { writeModel } from "./weights.js"

interface Answer {
  readonly passages: number[][]
  readonly ids: number[]
  readonly ended: boolean
}
interface Run {
  readonly name: string
  readonly config: Record<string, unknown>
  readonly tensors: Record<string, number[]>
  readonly answers?: Answer[]
}

const fixtures = join(import.meta.dirname, "fixtures")
const all = JSON.parse(readFileSync(join(fixtures, "rerankers.json"), "utf8")) as Run[]
const runs = all.flatMap(({ answers, ...run }) => (answers ? [{ ...run, answers }] : []))
const noRuntime = !installed("onnxruntime-node")
const STEPS = 12

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "rankine-t5-"))
})
afterAll(() => rm(root, { recursive: true, force: true }))

describe.skipIf(noRuntime).each(runs)("$name", ({ name, config, tensors, answers }) => {
  const folder = () => join(root, name)
  const questions = answers.map(({ passages }) => passages)
  beforeAll(() => writeModel(folder(), config, tensors, fixtures))

  it("writes torch's tokens, out of one passage and of several, in one batch and alone", async () => {
    for (const attention of ["fused", "standard"] as const) {
      for (const maxRows of [64, 1]) {
        await using model = await loadT5Generator(folder(), { device: "cpu", attention, batch: { maxRows } })
        const found = await model.generate(questions, { maxTokens: STEPS })
        expect(found).toEqual(answers.map(({ ids, ended }) => ({ ids, ended })))
      }
    }
  })

  it("ends each answer at the end token, and goes on with the others", async () => {
    const endId = answers[0].ids[2]
    const place = join(root, `${name}-ends`)
    await writeModel(place, { ...config, eos_token_id: endId }, tensors, fixtures)
    await using model = await loadT5Generator(place, { device: "cpu" })
    const found = await model.generate(questions, { maxTokens: STEPS })
    const expected = answers.map(({ ids }) => {
      const end = ids.indexOf(endId)
      return end === -1 ? { ids, ended: false } : { ids: ids.slice(0, end), ended: true }
    })
    expect(found).toEqual(expected)
    // The rows end at different turns, so that some go on without others.
    expect(new Set(expected.map(({ ids }) => ids.length)).size).toBeGreaterThan(1)
    // Only those that end: the loop stops before its last turn, with the same answers.
    const early = expected.flatMap(({ ended }, index) => (ended ? [index] : []))
    const again = await model.generate(
      early.map((index) => questions[index]),
      { maxTokens: STEPS },
    )
    expect(again).toEqual(early.map((index) => expected[index]))
  })

  it("keeps to the length that each call asks for", async () => {
    await using model = await loadT5Generator(folder(), { device: "cpu" })
    const lengths = [3, 1, STEPS]
    const found = await Promise.all(lengths.map((maxTokens) => model.generate(questions.slice(0, 2), { maxTokens })))
    for (const [index, length] of lengths.entries())
      expect(found[index].map(({ ids }) => ids)).toEqual(answers.slice(0, 2).map(({ ids }) => ids.slice(0, length)))
  })

  it("writes allowed tokens only", async () => {
    const allowed = [answers[0].ids[0], 40, 1]
    await using model = await loadT5Generator(folder(), { device: "cpu", allowed })
    const found = await model.generate(questions, { maxTokens: STEPS })
    for (const { ids } of found) for (const id of ids) expect(allowed).toContain(id)
    expect(found[0].ids[0]).toBe(answers[0].ids[0])
  })

  it("refuses what it cannot read or write", async () => {
    await using model = await loadT5Generator(folder(), { device: "cpu" })
    await expect(model.generate([[]], { maxTokens: 3 })).rejects.toThrow(/question 0 has no passages/)
    await expect(model.generate([[[5]], [[5], []]], { maxTokens: 3 })).rejects.toThrow(/question 1 has no tokens/)
    await expect(model.generate([[[5_000]]], { maxTokens: 3 })).rejects.toThrow(/5000 outside the vocabulary/)
    await expect(model.generate([[[5]]], { maxTokens: 0 })).rejects.toThrow(/maxTokens/)
    await expect(loadT5Generator(folder(), { allowed: [5_000] })).rejects.toThrow(/allowed tokens/)
  })
})
