import { setImmediate } from "node:timers/promises"
import {
  type Description,
  queueShare,
  RankineError,
  type Ranking,
  type Reranker,
  type RunOptions,
  throwIfAborted,
  toRankineError,
} from "../../src/core/index.js"
import type { CrossEncoder } from "../../src/models/cross-encoder.js"
import type { PairScorer, PairScores, TextPair } from "../../src/models/index.js"
import { checkBudget } from "../budget.js"
import { nextPairs } from "./pair-budget.js"
import { type PairPrompts, type PromptRenderer, promptRenderer } from "./pair-prompts.js"
import { PairWork } from "./pair-work.js"

export interface PointwiseOptions {
  /** Default: `pointwise(NAME)` with the model's name. */
  readonly name?: string
  /** What the model reads of queries and documents, where it was trained on more than their texts. */
  readonly prompts?: PairPrompts
  /** Documents of each query between two rankings of a stream. Default 16. */
  readonly chunk?: number
}

/** The next pairs of one query, within one request. */
interface Share {
  readonly work: PairWork
  readonly count: number
}

/**
 * Reranks by a score for each document alone. The texts of all rankings go to the model in one request, equal texts of a query once.
 *
 * Scores replace those that came in; documents without text, and those that a budget leaves, stay below in first-stage order. A call of
 * the budget is one text that the model reads. What was cut is in the warning `truncated`, a hit without a document in
 * `missing-document`, one whose text is empty in `missing-text`.
 *
 * Throws, or marks as `options.onError` says: `model` where the model fails or gives no number, `argument` where no hit has its document.
 */
export class PairReranker implements Reranker {
  readonly name: string
  readonly needs = "text"
  readonly #prompts: PromptRenderer
  readonly #chunk: number

  constructor(
    readonly scorer: PairScorer,
    private readonly options: PointwiseOptions = {},
  ) {
    const { name = `pointwise(${scorer.name})`, prompts = {}, chunk = 16 } = options
    if (!Number.isInteger(chunk) || chunk < 1)
      throw new RankineError("argument", `chunk must be a whole number of at least 1, got ${chunk}`)
    this.name = name
    this.#prompts = promptRenderer(prompts)
    this.#chunk = chunk
  }

  async rerank(rankings: readonly Ranking[], options: RunOptions = {}): Promise<Ranking[]> {
    const works = await this.#works(rankings)
    for await (const _ of this.#rounds([...works.values()], Number.POSITIVE_INFINITY, options));
    return inTurns(rankings, (ranking) => works.get(ranking)?.toRanking(true, options.explain) ?? ranking)
  }

  /** After each round of documents the rankings as far as they are known; a query's last one is final. */
  async *stream(rankings: readonly Ranking[], options: RunOptions = {}): AsyncGenerator<Ranking> {
    const works = await this.#works(rankings)
    for (const ranking of rankings) if (!works.has(ranking)) yield { ...ranking, final: true }
    for await (const work of this.#rounds([...works.values()], this.#chunk, options))
      yield work.toRanking(work.finished, options.explain)
  }

  describe(): Description {
    const { scorer, options } = this
    return {
      name: "pointwise",
      model: scorer.name,
      fingerprint: scorer.fingerprint,
      scoreKind: scorer.scoreKind,
      ...(Number.isFinite(scorer.maxLength) ? { maxLength: scorer.maxLength } : {}),
      ...(options.prompts ? { prompts: { ...options.prompts } } : {}),
    }
  }

  async #works(rankings: readonly Ranking[]): Promise<Map<Ranking, PairWork>> {
    const alive = rankings.filter(({ status }) => status !== "failed")
    return new Map(
      await inTurns(alive, (ranking) => [ranking, new PairWork(ranking, this.scorer, this.#prompts)] as const),
    )
  }

  /** Scores round by round until every query is finished, and gives each query after each round that it had a part in. */
  async *#rounds(works: readonly PairWork[], chunk: number, options: RunOptions): AsyncGenerator<PairWork> {
    const { budget = {}, signal, onError = "throw", onProgress } = options
    throwIfAborted(signal)
    checkBudget(budget)
    const total = works.reduce((sum, work) => sum + work.pairs.length, 0)
    const progress = (more: number) => {
      const done = works.reduce((sum, work) => sum + (work.finished ? work.pairs.length : work.scored), 0) + more
      onProgress?.({ stage: this.name, done: Math.min(done, total), total, unit: "pairs" })
    }
    const check = (work: PairWork) => {
      if (work.error && onError === "throw") throw work.error
    }
    works.forEach(check)
    for (const work of works) if (work.finished) yield work
    // A document that is read in windows may take more than one row of the model's length.
    const mostRead = (this.scorer as Partial<CrossEncoder>).passages ? Number.POSITIVE_INFINITY : this.scorer.maxLength
    let open = works.filter((work) => !work.finished)
    while (open.length > 0) {
      const shares: Share[] = []
      for (const work of open) {
        const count = nextPairs(work, budget, mostRead, chunk)
        if (count === 0) work.ended = true
        else shares.push({ work, count })
      }
      if (shares.length > 0) await this.#score(shares, options, progress)
      open.forEach(check)
      progress(0)
      yield* open
      open = open.filter((work) => !work.finished)
    }
  }

  /** One request for all shares; where it fails under `mark`, one for each, so that only the queries at fault are marked. */
  async #score(shares: readonly Share[], options: RunOptions, progress: (more: number) => void): Promise<void> {
    const { seed, onError } = options
    const pairs = shares.flatMap(({ work, count }) => work.pairs.slice(work.scored, work.scored + count))
    const started = performance.now()
    let result: PairScores
    try {
      result = await this.scorer.score(pairs, {
        ...queueShare(options),
        ...(seed === undefined ? {} : { seed }),
        onProgress: ({ done, total }) => total && progress(Math.floor((done / total) * pairs.length)),
      })
      if (result.scores.length !== pairs.length)
        throw new RankineError(
          "model",
          `${this.scorer.name} gave ${result.scores.length} scores for ${pairs.length} pairs`,
        )
    } catch (thrown) {
      const error = toRankineError(thrown, "model")
      if (onError !== "mark" || error.code === "aborted") throw error
      if (shares.length === 1) shares[0]!.work.error = error
      else for (const share of shares) await this.#score([share], options, progress)
      return
    }
    const seconds = (performance.now() - started) / 1000
    const lengths = result.lengths ?? sharedTokens(pairs, result.tokens)
    let from = 0
    for (const { work, count } of shares) {
      let own = 0
      for (let at = from; at < from + count; at++) own += lengths[at]!
      // What took time for all together is shared out by what was read.
      const part = result.tokens > 0 ? own / result.tokens : count / pairs.length
      work.tokens += own
      work.cachedTokens += part * (result.cached ?? 0)
      work.seconds += part * seconds
      work.take(result, from, count)
      from += count
    }
  }
}

/** Reranks by the scores of a cross-encoder, or of anything else that scores pairs. */
export function pointwise(scorer: PairScorer, options: PointwiseOptions = {}): PairReranker {
  return new PairReranker(scorer, options)
}

/** Of scorers that only say what a request cost in all: by the length of the texts. */
function sharedTokens(pairs: readonly TextPair[], tokens: number): number[] {
  const sizes = pairs.map(({ query, document }) => query.length + document.length)
  const sum = sizes.reduce((total, size) => total + size, 0)
  return sizes.map((size) => (tokens * size) / sum)
}

/** The event loop gets a turn this often, in milliseconds. */
const TURN = 8

/** Maps many rankings without holding the event loop for long. */
async function inTurns<In, Out>(items: readonly In[], map: (item: In) => Out): Promise<Out[]> {
  const results: Out[] = []
  let turn = performance.now()
  for (const item of items) {
    results.push(map(item))
    if (performance.now() - turn > TURN) {
      await setImmediate()
      turn = performance.now()
    }
  }
  return results
}
