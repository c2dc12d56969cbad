import { emptyRanking, type Hit, type Ranking, type RunOptions } from "../../../src/core/index.js"
import type { EmbeddingModel } from "../../../src/models/embedding-model.js"
import type { PairScorer, TextPair } from "../../../src/models/pair-scorer.js"

const words = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []

/** The share of the query's words that a document holds, and the requests that it was asked. */
export interface FakeScorer extends PairScorer {
  readonly requests: (readonly TextPair[])[]
}

export interface FakeOptions {
  /** Instead of the share of words. */
  readonly scoreOf?: (pair: TextPair) => number
  readonly maxLength?: number
  /** Says what each pair cost, beside the sum. Default true. */
  readonly detailed?: boolean
  /** Called before a request is answered. */
  readonly before?: (pairs: readonly TextPair[], options: RunOptions) => Promise<void> | void
}

/** Deterministic, and counts tokens as words plus three. */
export function fakeScorer(options: FakeOptions = {}): FakeScorer {
  const { maxLength = 16, detailed = true } = options
  const share = ({ query, document }: TextPair) => {
    const held = new Set(words(document))
    const asked = words(query)
    return asked.length === 0 ? 0 : asked.filter((word) => held.has(word)).length / asked.length
  }
  const requests: (readonly TextPair[])[] = []
  return {
    name: "fake",
    scoreKind: "probability",
    fingerprint: "fake-1",
    maxLength,
    requests,
    async score(pairs, run = {}) {
      await options.before?.(pairs, run)
      requests.push(pairs)
      const sizes = pairs.map(({ query, document }) => words(query).length + words(document).length + 3)
      const lengths = sizes.map((size) => Math.min(size, maxLength))
      run.onProgress?.({ stage: "score", done: pairs.length, total: pairs.length, unit: "pairs" })
      return {
        scores: pairs.map(options.scoreOf ?? share),
        tokens: lengths.reduce((sum, length) => sum + length, 0),
        truncated: sizes.flatMap((size, at) => (size > maxLength ? [at] : [])),
        ...(detailed ? { lengths, spans: pairs.map(() => undefined) } : {}),
      }
    },
  }
}

/** Letters counted by their place in the alphabet: a vector for each text, and the texts that it was asked for. */
export function fakeEmbedder(): EmbeddingModel & { readonly asked: { side: string; texts: readonly string[] }[] } {
  const asked: { side: string; texts: readonly string[] }[] = []
  const vector = (text: string) => {
    const counts = new Float32Array(26)
    for (const letter of text.toLowerCase().match(/[a-z]/g) ?? []) counts[letter.charCodeAt(0) - 97]!++
    return counts
  }
  const model = {
    name: "letters",
    dimension: 26,
    pooling: "sum",
    normalized: false,
    checksum: "letters-1",
    fingerprint: "letters-1",
    maxLength: 12,
    prompts: { query: "", document: "" },
    precision: "fp32",
    asked,
    async encode(texts: readonly string[], side: "query" | "document") {
      return (await model.embed(texts, side)).vectors
    },
    async embed(texts: readonly string[], side: "query" | "document") {
      asked.push({ side, texts })
      const sizes = texts.map((text) => words(text).length)
      return {
        vectors: texts.map(vector),
        tokens: sizes.reduce((sum, size) => sum + Math.min(12, size), 0),
        truncated: sizes.flatMap((size, at) => (size > 12 ? [at] : [])),
      }
    },
  }
  return model
}

/** A first stage's ranking of these texts, in their order: `undefined` for a hit without its document. */
export function rankingOf(query: string, texts: readonly (string | undefined)[], id = "q"): Ranking {
  const hits = texts.map((text, rank): Hit => {
    const hit = { id: `${id}-${rank}`, score: 100 - rank, source: "bm25" }
    return text === undefined ? hit : { ...hit, document: { id: hit.id, text } }
  })
  return { ...emptyRanking({ id, text: query }, "bm25"), hits }
}

export const idsOf = (ranking: Ranking): string[] => ranking.hits.map(({ id }) => id)
