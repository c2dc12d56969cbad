import { existsSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { disposeModels, loadLanguageModel } from "../../src/models/index.js"
import { installed } from "../models/encoder/reference.js"
import { rankine } from "./run.js"

const stories = join(import.meta.dirname, "../../../shared/models/stories260K")
let scratch: string
let file: string

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "rankine-cli-method-"))
  file = join(scratch, "lines.jsonl")
  const texts = ["The girl played with a ball in the park.", "Heat pumps move warmth.", "A dog was sad."]
  await writeFile(file, texts.map((text, id) => JSON.stringify({ id: String(id), text })).join("\n"))
})
afterAll(async () => {
  await disposeModels()
  await rm(scratch, { recursive: true, force: true })
})

describe("rankine rerank --method", () => {
  it.skipIf(!existsSync(stories) || !installed)("scores by the likelihood of the query", async () => {
    const query = "One day a girl played"
    const { code, out, err } = await rankine(["rerank", query, file, "--method", "upr", "--model", stories, "--json"])
    expect(err).toBe("")
    expect(code).toBe(0)
    const { hits, scoreKind, usage } = JSON.parse(out) as {
      hits: { id: string; score: number }[]
      scoreKind: string
      usage: { calls: number }
    }
    expect(scoreKind).toBe("logit")
    expect(usage.calls).toBe(3)
    expect(hits.map(({ id }) => id).sort()).toEqual(["0", "1", "2"])
    // A story that has a girl in it makes another one likelier than a text on heat pumps does.
    expect(hits.findIndex(({ id }) => id === "0")).toBeLessThan(hits.findIndex(({ id }) => id === "1"))
    // Scores are log-probabilities of the query's tokens: none is likelier than certain.
    await using model = await loadLanguageModel(stories)
    for (const { score } of hits) {
      expect(score).toBeLessThan(0)
      expect(score).toBeGreaterThan(-20 * model.countTokens(query))
    }
  })

  it("names the model that it needs, and methods that there are not", async () => {
    const without = await rankine(["rerank", "q", file, "--method", "upr"])
    expect(without.code).toBe(2)
    expect(without.err).toMatch(/name a folder, a GGUF file or a model with --model/)
    const unknown = await rankine(["rerank", "q", file, "--method", "uprr", "--model", "x"])
    expect(unknown.code).toBe(2)
    expect(unknown.err).toMatch(/upr/)
  })
})
