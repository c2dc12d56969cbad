import {
  DEFAULT_TOP_K,
  type Description,
  type Reranker,
  type Retriever,
  type RunOptions,
  resolveTopK,
  type Streams,
} from "./contracts.js"
import type { Query } from "./document.js"
import { RankineError, toRankineError } from "./errors.js"
import { hydrate } from "./hydrate.js"
import { emptyRanking, type Ranking } from "./ranking.js"
import { describePart, runReranker, traceStage } from "./stage.js"

/** A retriever made of a retriever and the stages that follow it. */
export interface Pipeline extends Retriever, Streams {
  readonly stages: readonly Reranker[]
  describe(): Description
}

/**
 * Chains a retriever and rerankers: `pipeline(fuse(bm25, dense), cut(100), crossEncoder, top(20, listwise))`.
 *
 * `options.topK` cuts the final ranking; the first stage retrieves what the first `cut` keeps, or `topK` where there is none.
 * Texts are fetched from the retriever's own documents just before the first stage that needs them. Throws `argument` where a stage needs
 * texts and neither the retriever nor a `hydrate` stage before it brings them.
 */
export function pipeline(retriever: Retriever, ...stages: readonly Reranker[]): Pipeline {
  const planned: Reranker[] = []
  let hasText = false
  for (const stage of stages) {
    if (stage.name === "hydrate") hasText = true
    if (stage.needs === "text" && !hasText) {
      if (!retriever.documents)
        throw new RankineError(
          "argument",
          `${stage.name} reads texts and ${retriever.name} does not hold any: put hydrate(store) before it`,
        )
      planned.push(hydrate(retriever.documents))
      hasText = true
    }
    planned.push(stage)
  }
  const cutsFirst = stages.length > 0 && describePart(stages[0]!).name === "cut"
  const firstDepth = cutsFirst ? (describePart(stages[0]!).count as number) : undefined

  const depth = (options: RunOptions): number =>
    // A stage may lift a document from below topK, so only a pipeline without stages may retrieve less than the default.
    firstDepth ?? (stages.length === 0 ? (options.topK ?? DEFAULT_TOP_K) : Math.max(options.topK ?? 0, DEFAULT_TOP_K))

  const first = async (queries: readonly Query[], options: RunOptions): Promise<Ranking[]> => {
    resolveTopK(options)
    const started = performance.now()
    const rankings = await retrieveMarking(retriever, queries, { ...options, topK: depth(options) })
    const seconds = (performance.now() - started) / 1000 / Math.max(1, queries.length)
    return rankings.map((ranking) =>
      ranking.stages.length > 0
        ? ranking
        : { ...ranking, stages: [traceStage(retriever.name, [], ranking.hits, seconds, options.explain)] },
    )
  }
  const limit = (ranking: Ranking, options: RunOptions): Ranking =>
    options.topK !== undefined && ranking.hits.length > options.topK
      ? { ...ranking, hits: ranking.hits.slice(0, options.topK) }
      : ranking

  return {
    name: [retriever, ...stages].map((part) => part.name).join(" > "),
    ...(retriever.documents ? { documents: retriever.documents } : {}),
    stages,
    async retrieve(queries, options = {}) {
      let rankings = await first(queries, options)
      for (const stage of planned) rankings = await runReranker(stage, rankings, options)
      return rankings.map((ranking) => limit(ranking, options))
    },
    async *stream(queries, options = {}) {
      let rankings = await first(queries, options)
      for (const stage of planned) {
        for (const ranking of rankings) yield limit({ ...ranking, final: false }, options)
        rankings = stage.stream
          ? yield* streamStage(stage, rankings, options, limit)
          : await runReranker(stage, rankings, options)
      }
      for (const ranking of rankings) yield limit({ ...ranking, final: true }, options)
    },
    describe: () => ({ name: "pipeline", retriever: describePart(retriever), stages: stages.map(describePart) }),
  }
}

/**
 * Passes on what a streaming stage yields, and returns each query's last ranking. Queries are told apart as objects: two may share an id.
 * A stream that breaks off under `mark` is answered by the stage's one-shot form, which marks only the rankings at fault.
 */
async function* streamStage(
  stage: Reranker,
  rankings: readonly Ranking[],
  options: RunOptions,
  limit: (ranking: Ranking, options: RunOptions) => Ranking,
): AsyncGenerator<Ranking, Ranking[]> {
  const alive = rankings.filter((ranking) => ranking.status !== "failed")
  const last = new Map(rankings.map((ranking) => [ranking.query, ranking]))
  const started = performance.now()
  try {
    for await (const ranking of stage.stream!(alive, options)) {
      last.set(ranking.query, ranking)
      yield limit({ ...ranking, final: false }, options)
    }
  } catch (thrown) {
    const error = toRankineError(thrown)
    if (options.onError !== "mark" || error.code === "aborted") throw error
    return runReranker(stage, rankings, options)
  }
  const seconds = (performance.now() - started) / 1000 / Math.max(1, alive.length)
  return rankings.map((before) => {
    const after = last.get(before.query)!
    if (after === before) return before
    const trace = traceStage(stage.name, before.hits, after.hits, seconds, options.explain)
    return { ...after, stages: [...after.stages, trace] }
  })
}

/** Retrieves with the caller's error policy: under `mark` a query that throws is retried alone and, if it throws again, marked. */
export async function retrieveMarking(
  retriever: Retriever,
  queries: readonly Query[],
  options: RunOptions,
): Promise<Ranking[]> {
  if (queries.length === 0) return []
  try {
    return await retriever.retrieve(queries, options)
  } catch (thrown) {
    const error = toRankineError(thrown)
    if (options.onError !== "mark" || error.code === "aborted") throw error
    if (queries.length === 1) return [{ ...emptyRanking(queries[0]!, "ordinal"), status: "failed", error }]
    const results: Ranking[] = []
    for (const query of queries) results.push(...(await retrieveMarking(retriever, [query], options)))
    return results
  }
}
