import {
  addUsage,
  type Description,
  describePart,
  hydrate,
  mergeWarnings,
  noUsage,
  type Query,
  RankineError,
  type Ranking,
  type RerankProgram,
  type Retriever,
  type RunOptions,
  resolveTopK,
} from "../../src/core/index.js"
import type { EmbeddingModel } from "../../src/models/index.js"
import { ScoreBoard } from "../groupwise/score-board.js"
import type { PairPrompts } from "../pointwise/pair-prompts.js"
import { ProgramReranker } from "../program/program-reranker.js"
import type { GroupwiseAnswer, GroupwiseQuestion } from "../program/questions.js"
import { LowRankOracle } from "./low-rank-oracle.js"
import { checkLowRank, type LowRankOptions } from "./low-rank-scores.js"
import type { MakeSecondQuery } from "./second-query.js"

export interface DqLoreOptions extends LowRankOptions {
  /** M: the first hits, which take part; those below stay below. Default 64. */
  readonly candidates?: number
  /** Default: the query alone. */
  readonly secondQuery?: MakeSecondQuery
  /** What the model reads of queries and documents. */
  readonly prompts?: PairPrompts
  readonly name?: string
}

/**
 * Reranks by low-rank scores of an embedding model: the first `candidates` hits and the second query are embedded, centred, reduced to their
 * principal components and compared there. Works below any first stage; scores are of kind `dot` and belong to their query alone.
 *
 * Throws `argument` for options out of range; otherwise as `ProgramReranker`. DQ-LoRe (arXiv 2310.02954), equations of its section on LoRe.
 */
export function dqLore(
  model: EmbeddingModel,
  options: DqLoreOptions = {},
): ProgramReranker<GroupwiseQuestion, GroupwiseAnswer> {
  const { candidates = 64, secondQuery, prompts, name = `dq-lore(${model.name})` } = options
  if (!Number.isInteger(candidates) || candidates < 1)
    throw new RankineError("argument", `candidates must be a whole number of at least 1, got ${candidates}`)
  const oracle = new LowRankOracle(model, { ...checkLowRank(options), secondQuery, prompts })
  return new ProgramReranker(firstHits(candidates), oracle, {
    name,
    scoreKind: "dot",
    describe: { method: "dq-lore", candidates },
  })
}

/** One question about the first hits: their components depend on all of them. */
function firstHits(most: number): RerankProgram<GroupwiseQuestion, GroupwiseAnswer> {
  return function* ({ hits }) {
    const board = new ScoreBoard(hits.length)
    const documents = Array.from({ length: Math.min(most, hits.length) }, (_, position) => position)
    const [answer] = yield { questions: [{ documents }], standing: () => board.standing() }
    answer?.scores.forEach((score, at) => {
      if (score !== undefined) board.add(documents[at]!, score)
    })
    return board.standing()
  }
}

export interface DqLoreRetrieverOptions extends Omit<DqLoreOptions, "secondQuery"> {
  readonly secondQuery: MakeSecondQuery
}

/**
 * The whole method as a retriever: the second query is made from the first one and its hits, documents are retrieved by it, and the first
 * `candidates` of them reranked by low-rank scores. The rankings carry the queries that were asked.
 *
 * @param retriever a dense one, on texts of the same model; it must hold its documents
 */
export function dqLoreRetriever(
  retriever: Retriever,
  model: EmbeddingModel,
  options: DqLoreRetrieverOptions,
): Retriever {
  const { secondQuery, candidates = 64, name = `dq-lore(${retriever.name})`, ...rest } = options
  if (!retriever.documents)
    throw new RankineError(
      "argument",
      `${retriever.name} does not hold its documents, whose texts DQ-LoRe reads: build it with them`,
    )
  const { documents } = retriever
  const reranker = dqLore(model, { ...rest, candidates })
  const texts = hydrate(documents)
  return {
    name,
    documents,
    async retrieve(queries: readonly Query[], run: RunOptions = {}): Promise<Ranking[]> {
      const topK = resolveTopK(run)
      const first = await texts.rerank(await retriever.retrieve(queries, { ...run, topK: candidates }), run)
      const { signal, seed } = run
      const settings = { ...(signal ? { signal } : {}), ...(seed === undefined ? {} : { seed }) }
      const made = await Promise.all(
        first.map(async (ranking) => {
          if (ranking.status === "failed") return undefined
          const second = await secondQuery(ranking.query, ranking.hits, settings)
          return typeof second === "string" ? { text: second } : second
        }),
      )
      const asked = queries.map((query, index): Query => ({ ...query, text: made[index]?.text ?? query.text }))
      const found = await texts.rerank(
        await retriever.retrieve(asked, { ...run, topK: Math.max(topK, candidates) }),
        run,
      )
      const ranked = await reranker.rerank(found, run)
      return ranked.map((ranking, index) => {
        const before = first[index]!
        if (before.status === "failed") return before
        const usage = addUsage(before.usage, addUsage(ranking.usage, made[index]?.usage ?? noUsage))
        return {
          ...ranking,
          query: queries[index]!,
          hits: ranking.hits.slice(0, topK),
          warnings: mergeWarnings(before.warnings, ranking.warnings),
          usage,
        }
      })
    },
    describe: (): Description => ({ ...reranker.describe(), name, retriever: describePart(retriever) }),
  }
}
