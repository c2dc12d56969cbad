/** What every stage shares: running with an error policy, and recording what it did to the order. @module */
import type { Description, Reranker, Retriever, RunOptions } from "./contracts.js"
import { RankineError, throwIfAborted, toRankineError } from "./errors.js"
import { failedRanking, type Hit, type Ranking, type StageTrace } from "./ranking.js"

/** The trace of a stage that turned `before` into `after` in `seconds`. */
export function traceStage(
  stage: string,
  before: readonly Hit[],
  after: readonly Hit[],
  seconds: number,
  explain: boolean | undefined,
): StageTrace {
  const rankBefore = new Map(before.map((hit, rank) => [hit.id, rank]))
  let moved = 0
  after.forEach((hit, rank) => {
    if (rankBefore.get(hit.id) !== rank) moved++
  })
  const trace = { stage, seconds, input: before.length, output: after.length, moved }
  return explain ? { ...trace, hits: after.map(({ id, score }) => ({ id, score })) } : trace
}

/**
 * Runs a reranker with the caller's error policy and adds a trace to each ranking. A reranker that throws under
 * `mark` is run again one ranking at a time, so that only the rankings at fault are marked.
 * Rankings that have failed already pass by.
 */
export async function runReranker(
  reranker: Reranker,
  rankings: readonly Ranking[],
  options: RunOptions,
): Promise<Ranking[]> {
  throwIfAborted(options.signal)
  const alive = rankings.filter((ranking) => ranking.status !== "failed")
  const started = performance.now()
  const results = await rerankMarking(reranker, alive, options)
  const seconds = (performance.now() - started) / 1000 / Math.max(1, alive.length)
  if (results.length !== alive.length)
    throw new RankineError(
      "internal",
      `${reranker.name} was given ${alive.length} rankings and returned ${results.length}`,
    )
  let next = 0
  return rankings.map((before) => {
    if (before.status === "failed") return before
    const after = results[next++]!
    const trace = traceStage(reranker.name, before.hits, after.hits, seconds, options.explain)
    return { ...after, stages: [...after.stages, trace] }
  })
}

async function rerankMarking(
  reranker: Reranker,
  rankings: readonly Ranking[],
  options: RunOptions,
): Promise<Ranking[]> {
  if (rankings.length === 0) return []
  try {
    return await reranker.rerank(rankings, options)
  } catch (thrown) {
    const error = toRankineError(thrown)
    if (options.onError !== "mark" || error.code === "aborted") throw error
    if (rankings.length === 1) return [failedRanking(rankings[0]!, error)]
    const results: Ranking[] = []
    for (const ranking of rankings) results.push(...(await rerankMarking(reranker, [ranking], options)))
    return results
  }
}

/** The description of a part, with at least its name. */
export function describePart(part: Retriever | Reranker): Description {
  return part.describe?.() ?? { name: part.name }
}
