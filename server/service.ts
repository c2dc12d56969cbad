/** Rerankers and embedding models of a configuration, opened once and asked by all dialects. @module */
import { openReranker } from "../rerankers/open-reranker.js"
import {
  emptyRanking,
  mergeWarnings,
  RankineError,
  type Ranking,
  type Reranker,
  type ScoreKind,
} from "../src/core/index.js"
import { truncateText } from "../src/models/generation/truncate-text.js"
import { type EmbeddingModel, openEmbedder, type QueueStats } from "../src/models/index.js"
import { buildStage } from "../src/pipelines/index.js"
import { callOptions } from "./call-options.js"
import type { ServerConfig } from "./config.js"
import type {
  Caller,
  EmbedCall,
  EmbedOutcome,
  RerankCall,
  RerankOutcome,
  ServedModel,
  Service,
} from "./service-types.js"

interface Ranker {
  readonly name: string
  readonly reranker: Reranker
  readonly model?: object
  dispose(): Promise<void>
}

interface Vectoriser {
  readonly name: string
  readonly model: EmbeddingModel
  dispose(): Promise<void>
}

/** A service that holds the memory of its models until it is disposed of. */
export interface OpenService extends Service, AsyncDisposable {
  /** Where the queues of the models stand, for those that have one. */
  queues(): readonly { readonly model: string; readonly stats: QueueStats }[]
  /** For pipelines over indexes. Throws `not-found`. */
  reranker(name: string): Reranker
}

/**
 * Loads the models of a configuration, one after the other.
 *
 * @throws RankineError `not-found`, `model`, `configuration` for one that cannot be had; none stays loaded then
 */
export async function openService(config: ServerConfig): Promise<OpenService> {
  const rankers: Ranker[] = []
  const vectorisers: Vectoriser[] = []
  const queue = { maxWaitingTokens: config.limits.waitingTokens }
  try {
    for (const [name, spec] of Object.entries(config.rerankers ?? {})) {
      if (typeof spec !== "string" && "stage" in spec) {
        rankers.push({ name, reranker: await buildStage(spec.stage), dispose: async () => {} })
        continue
      }
      const { model, settings = {} } = typeof spec === "string" ? { model: spec } : spec
      const opened = await openReranker(model, { ...(settings as object), queue })
      rankers.push({ name, reranker: opened.reranker, model: opened.model, dispose: () => dispose(opened) })
    }
    for (const [name, spec] of Object.entries(config.embedders ?? {})) {
      const { model, settings = {} } = typeof spec === "string" ? { model: spec } : spec
      const opened = await openEmbedder(model, { ...(settings as object), queue })
      vectorisers.push({ name, model: opened, dispose: () => dispose(opened) })
    }
  } catch (thrown) {
    await Promise.allSettled([...rankers, ...vectorisers].map((each) => each.dispose()))
    throw thrown
  }
  return new ModelService(rankers, vectorisers)
}

class ModelService implements OpenService {
  readonly since = Math.floor(Date.now() / 1000)
  readonly models: readonly ServedModel[]

  constructor(
    private readonly rankers: readonly Ranker[],
    private readonly vectorisers: readonly Vectoriser[],
  ) {
    this.models = [
      ...rankers.map(({ name, model }) => ({ name, task: "rerank" as const, ...facts(model) })),
      ...vectorisers.map(({ name, model }) => ({ name, task: "embed" as const, ...facts(model) })),
    ]
  }

  async rerank(call: RerankCall, caller: Caller): Promise<RerankOutcome> {
    const { name, reranker, model } = pick(this.rankers, call.model, "reranker")
    const { options, timings } = callOptions(caller)
    const { documents, cut } = shorten(call, name, model)
    const hits = documents.map(({ title, text }, index) => ({
      id: String(index),
      // The order that came in, and the mark of what the reranker leaves unseen.
      score: UNSEEN - index,
      document: { id: String(index), text, ...(title === undefined ? {} : { title }) },
    }))
    const before: Ranking = { ...emptyRanking({ id: caller.requestId, text: call.query }, "ordinal"), hits }
    const [ranking] = await reranker.rerank([before], options)
    const { status, scoreKind, warnings, usage, error } = ranking!
    // The order that came in is no answer.
    if (status === "failed") throw error ?? new RankineError("model", `${name} could not rank these documents`)
    const truncated = usage.truncated + cut
    if (call.truncate === false && truncated > 0)
      throw new RankineError(
        "argument",
        `${truncated} of the pairs of query and document are longer than ${name} reads: shorten them, or allow truncation`,
      )
    return {
      model: name,
      results: resultsOf(ranking!, call.rawScores ?? false).slice(0, call.topN),
      scoreKind,
      status,
      warnings: cut > 0 ? mergeWarnings([...warnings, { code: "truncated", count: cut }]) : warnings,
      usage: { ...usage, truncated },
      timings: timings(),
    }
  }

  async embed(call: EmbedCall, caller: Caller): Promise<EmbedOutcome> {
    const { name, model } = pick(this.vectorisers, call.model, "embedding model")
    const { options, timings } = callOptions(caller)
    if (call.dimension !== undefined && call.dimension !== model.dimension)
      throw new RankineError(
        "argument",
        `dimensions: ${name} gives vectors of ${model.dimension} numbers: leave dimensions out`,
      )
    const { vectors, tokens, truncated } = await model.embed(call.texts, call.side ?? "document", options)
    if (call.truncate === false && truncated.length > 0)
      throw new RankineError(
        "argument",
        `input ${truncated[0]} is longer than the ${model.maxLength} tokens that ${name} reads: shorten it, or allow truncation`,
        { details: { truncated } },
      )
    return {
      model: name,
      vectors: call.normalize && !model.normalized ? vectors.map(unit) : vectors,
      tokens,
      truncated,
      timings: timings(),
    }
  }

  async check(caller: Caller): Promise<void> {
    for (const { name } of this.rankers)
      await this.rerank({ model: name, query: "is it well?", documents: [{ text: "all is well" }] }, caller)
    for (const { name } of this.vectorisers) await this.embed({ model: name, texts: ["all is well"] }, caller)
  }

  queues(): readonly { readonly model: string; readonly stats: QueueStats }[] {
    return [...this.rankers, ...this.vectorisers].flatMap(({ name, model }) => {
      const stats = (model as { stats?: QueueStats } | undefined)?.stats
      return stats ? [{ model: name, stats }] : []
    })
  }

  reranker(name: string): Reranker {
    return pick(this.rankers, name, "reranker").reranker
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.rankers, ...this.vectorisers].map((each) => each.dispose()))
  }
}

function pick<Model extends { readonly name: string }>(
  models: readonly Model[],
  name: string | undefined,
  what: string,
): Model {
  const [first] = models
  if (!first) throw new RankineError("not-found", `this server has no ${what}: add one to its configuration`)
  if (name === undefined) return first
  const found = models.find((model) => model.name === name)
  if (found) return found
  throw new RankineError(
    "not-found",
    `there is no ${what} "${name.slice(0, 100)}": use ${models.map((model) => model.name).join(", ")}`,
  )
}

/** The documents of a call within its own limits, and how many were cut for it. */
function shorten(
  { documents, maxDocumentTokens, maxPromptTokens }: RerankCall,
  name: string,
  model: object | undefined,
): { readonly documents: RerankCall["documents"]; readonly cut: number } {
  const { maxLength = Number.POSITIVE_INFINITY, countTokens } = (model ?? {}) as {
    maxLength?: number
    countTokens?(text: string): number
  }
  if (maxPromptTokens !== undefined && maxPromptTokens < maxLength)
    throw new RankineError(
      "argument",
      `truncate_prompt_tokens: ${name} reads ${Number.isFinite(maxLength) ? `${maxLength} tokens of a pair` : "whole texts"}: leave it out`,
    )
  if (maxDocumentTokens === undefined || maxDocumentTokens >= maxLength) return { documents, cut: 0 }
  if (!countTokens)
    throw new RankineError("argument", `max_tokens_per_doc: ${name} does not count tokens of a document: leave it out`)
  let cut = 0
  const shortened = documents.map((document) => {
    const text = truncateText(document.text, maxDocumentTokens, (part) => countTokens.call(model, part))
    if (text.length === document.text.length) return document
    cut++
    return { ...document, text }
  })
  return { documents: shortened, cut }
}

/** Lower than any score of a model. */
const UNSEEN = -1e15

/** Sorted by score, equal ones by index. What the reranker did not see, an empty text or what a budget left, comes last: 0, or the lowest score if that is lower. */
function resultsOf({ hits, scoreKind }: Ranking, raw: boolean): RerankOutcome["results"] {
  const scored = hits.map(({ id, score }, rank) => ({
    index: Number(id),
    isSeen: scoreKind === "ordinal" || score > UNSEEN,
    score: raw ? rawScore(score, scoreKind) : unitScore(score, scoreKind, rank, hits.length),
  }))
  const seen = scored.filter(({ isSeen }) => isSeen)
  // A reranker that only gives an order has no ties.
  if (scoreKind !== "ordinal") seen.sort((left, right) => right.score - left.score || left.index - right.index)
  const lowest = Math.min(0, seen.at(-1)?.score ?? 0)
  const unseen = scored.filter(({ isSeen }) => !isSeen).sort((left, right) => left.index - right.index)
  return [...seen, ...unseen.map((each) => ({ ...each, score: lowest }))].map(({ index, score }) => ({ index, score }))
}

/** Into [0, 1] where there is a way that keeps the order and needs no other document; an order becomes equal steps from 1. */
function unitScore(score: number, kind: ScoreKind, rank: number, count: number): number {
  if (kind === "logit") return 1 / (1 + Math.exp(-score))
  if (kind === "ordinal") return (count - rank) / count
  return score
}

/** The logit of a probability, kept finite: beyond 36 the probability is 1 in double precision. */
function rawScore(score: number, kind: ScoreKind): number {
  if (kind !== "probability") return score
  return Math.max(-36, Math.min(36, Math.log(score / (1 - score))))
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector)
  return length > 0 ? vector.map((value) => value / length) : vector
}

function facts(model: object | undefined): Partial<ServedModel> {
  const { maxLength, dimension, fingerprint, scoreKind, precision, pooling } = (model ?? {}) as Partial<ServedModel>
  return {
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(dimension === undefined ? {} : { dimension }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(scoreKind === undefined ? {} : { scoreKind }),
    ...(precision === undefined ? {} : { precision }),
    ...(pooling === undefined ? {} : { pooling }),
  }
}

async function dispose(model: object): Promise<void> {
  if (Symbol.asyncDispose in model) await (model as AsyncDisposable)[Symbol.asyncDispose]()
}
