/** Prompts and scores against those that Python made from the description: see fixtures/make_llm_reference.py. */
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import {
  gradedRelevance,
  type LlmPointwiseReranker,
  proRank,
  qwen3Reranker,
  upr,
  yesNo,
} from "../../../rerankers/pointwise/index.js"
import type { Ranking } from "../../../src/core/index.js"
import { loadDecoder } from "../../../src/models/decoder/load.js"
import type { LanguageModel, PromptInput } from "../../../src/models/generation/language-model.js"
import { loadLanguageModel } from "../../../src/models/generation/load.js"
import { LocalLanguageModel } from "../../../src/models/generation/local-language-model.js"
import { createTextCodec } from "../../../src/models/generation/text-codec.js"
import { defaultModelsDir } from "../../../src/models/locate.js"
import { missing, tiny } from "../../models/decoder/reference.js"
import { byteCharacters } from "../../models/generation/tiny-tokenizer.js"
import { rankingOf } from "./fakes.js"
import { judge } from "./judge.js"

interface Frame {
  readonly query: string
  readonly document: string
  readonly instruction: string | null
  readonly qwen3: string
  readonly prorank: string
}

interface Miniature {
  readonly query: string
  readonly document: string
  readonly ids: readonly number[]
  readonly difference: number
  readonly probability: number
  readonly upr: number
  readonly grade: number
}

type Method = "yesNo" | "trueFalse" | "proRank" | "qwen3" | "upr"

interface Trained {
  readonly query: string
  readonly document: string
  readonly prompts: Readonly<Record<Method, string>>
  readonly ids: Readonly<Record<Method, readonly number[]>>
  readonly scores: Readonly<Record<Method, number>>
}

const fixtures = join(import.meta.dirname, "fixtures")
const reference: { frames: Frame[]; miniature: Miniature[]; trained: Trained[] } = JSON.parse(
  await readFile(join(fixtures, "llm-reference.json"), "utf8"),
)

/** Prompts that a model was asked, beside its answers. */
function watched<Model extends LanguageModel>(model: Model): { readonly model: Model; readonly asked: PromptInput[] } {
  const asked: PromptInput[] = []
  const { scoreTokens, logLikelihood } = model
  model.scoreTokens = (prompts, ...rest) => {
    asked.push(...(prompts as readonly PromptInput[]))
    return scoreTokens.call(model, prompts, ...rest)
  }
  model.logLikelihood = (items, ...rest) => {
    asked.push(...items)
    return logLikelihood.call(model, items, ...rest)
  }
  return { model, asked }
}

async function scoreOf(reranker: LlmPointwiseReranker, ranking: Ranking): Promise<number> {
  const [ranked] = await reranker.rerank([ranking])
  return ranked!.hits[0]!.score
}

describe("frames of released models", () => {
  it.each(reference.frames)("are written as described: $query, $instruction", async (frame) => {
    const { model, asked } = watched(judge())
    const plain = rankingOf(frame.query, [frame.document])
    const ranking = frame.instruction ? { ...plain, query: { ...plain.query, instruction: frame.instruction } } : plain
    await (await qwen3Reranker(model)).rerank([ranking])
    await (await proRank(model)).rerank([ranking])
    expect(asked.map((prompt) => model.renderChat(prompt as Parameters<typeof model.renderChat>[0]))).toEqual([
      frame.qwen3,
      frame.prorank,
    ])
    await model[Symbol.asyncDispose]()
  })
})

describe.skipIf(missing)("a miniature with random weights", () => {
  /** Bytes as tokens: byte b is b + 3, 1 begins a text. */
  const codec = () => {
    const named = ["<pad>", "<s>", "</s>"]
    const vocab = Object.fromEntries([...named, ...byteCharacters()].map((token, id) => [token, id]))
    const level = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false }
    return createTextCodec({
      tokenizer: {
        added_tokens: named.map((content, id) => ({ id, content, special: true, normalized: false })),
        pre_tokenizer: level,
        decoder: level,
        post_processor: {
          type: "TemplateProcessing",
          single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
          pair: [],
          special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
        },
        model: { type: "BPE", vocab, merges: [], unk_token: null, ignore_merges: false, byte_fallback: false },
      },
    })
  }

  it("gets torch's scores", async () => {
    const decoder = await loadDecoder(join(tiny, "llama"), { device: "cpu" })
    const { model, asked } = watched(new LocalLanguageModel(decoder, codec()))
    const prompt = join(fixtures, "bare.yaml")
    const answers = ["1", "0"] as const
    const rerankers = {
      difference: await proRank(model, { prompt }),
      probability: await yesNo(model, { prompt, answers }),
      grade: await gradedRelevance(model, { prompt }),
      upr: await upr(model, { prompt: join(fixtures, "bare-document.yaml") }),
    }
    for (const { query, document, ids, ...scores } of reference.miniature) {
      asked.length = 0
      const ranking = rankingOf(query, [document])
      for (const [name, reranker] of Object.entries(rerankers))
        expect([name, await scoreOf(reranker, ranking)]).toEqual([
          name,
          expect.closeTo(scores[name as keyof typeof rerankers], 4),
        ])
      expect(model.codec.encode(asked[0]!)).toEqual(ids)
    }
    await model[Symbol.asyncDispose]()
  })
})

const smol = join(defaultModelsDir(), "SmolLM2-135M-Instruct/model.gguf")

describe.skipIf(missing || !existsSync(smol))("SmolLM2-135M-Instruct", () => {
  it("is asked the same prompts as in Python, and gets torch's scores", async () => {
    const loaded = await loadLanguageModel(smol, { device: "cpu", maxLength: 512, precision: "fp32" })
    const { model, asked } = watched(loaded)
    const rerankers: Readonly<Record<Method, LlmPointwiseReranker>> = {
      yesNo: await yesNo(model),
      trueFalse: await yesNo(model, { answers: "true-false" }),
      proRank: await proRank(model),
      qwen3: await qwen3Reranker(model),
      upr: await upr(model),
    }
    for (const { query, document, prompts, ids, scores } of reference.trained)
      for (const [name, reranker] of Object.entries(rerankers) as [Method, LlmPointwiseReranker][]) {
        asked.length = 0
        const score = await scoreOf(reranker, rankingOf(query, [document]))
        const prompt = asked[0] as Parameters<typeof model.renderChat>[0]
        expect(model.renderChat(prompt)).toBe(prompts[name])
        expect(model.codec.encode(prompt)).toEqual(ids[name])
        // Sums of many logarithms are as far off as they are large.
        const tolerance = name === "upr" ? 1e-4 * Math.max(1, Math.abs(scores[name]) / 10) : 1e-4
        expect([name, Math.abs(score - scores[name]) < tolerance, score]).toEqual([name, true, expect.any(Number)])
      }
    await model[Symbol.asyncDispose]()
  })
})
