import type { Reranker, Retriever, RunOptions } from "./contracts.js"
import { RankineError, toRankineError } from "./errors.js"
import { emptyRanking, mergeWarnings, type Ranking } from "./ranking.js"
import { describePart } from "./stage.js"

/**
 * An explicit second choice: queries on which `primary` fails go to `secondary`, and their rankings say so
 * (status `fallback`, warning `fallback`, the error kept). Without a secondary a reranker falls back to the order that came in.
 * What the secondary fails on is failed as `options.onError` says. An abort is never a reason to fall back.
 */
export function fallback(primary: Retriever, secondary: Retriever): Retriever
export function fallback(primary: Reranker, secondary?: Reranker): Reranker
export function fallback(primary: Retriever | Reranker, secondary?: Retriever | Reranker): Retriever | Reranker {
  const name = `fallback(${[primary, ...(secondary ? [secondary] : [])].map((part) => part.name).join(", ")})`
  const describe = () => ({
    name: "fallback",
    primary: describePart(primary),
    ...(secondary ? { secondary: describePart(secondary) } : {}),
  })
  if ("retrieve" in primary) {
    if (!secondary || !("retrieve" in secondary))
      throw new RankineError("argument", "fallback of a retriever needs a second retriever")
    const documents = primary.documents ?? secondary.documents
    return {
      name,
      ...(documents ? { documents } : {}),
      describe,
      retrieve: (queries, options = {}) =>
        withSecondChoice(
          queries,
          options,
          (some, how) => primary.retrieve(some, how),
          (some) => secondary.retrieve(some, options),
          (query, error) => ({ ...emptyRanking(query, "ordinal"), status: "failed", error }),
        ),
    }
  }
  if (secondary && !("rerank" in secondary))
    throw new RankineError("argument", "fallback of a reranker needs a second reranker, or none")
  return {
    name,
    needs: primary.needs === "text" || secondary?.needs === "text" ? "text" : "ids",
    describe,
    rerank: (rankings, options = {}) =>
      withSecondChoice(
        rankings,
        options,
        (some, how) => primary.rerank(some, how),
        async (some) => (secondary ? secondary.rerank(some, options) : [...some]),
        (ranking, error) => ({ ...ranking, status: "failed", error }),
      ),
  }
}

async function withSecondChoice<Item>(
  items: readonly Item[],
  options: RunOptions,
  first: (some: readonly Item[], options: RunOptions) => Promise<Ranking[]>,
  second: (some: readonly Item[]) => Promise<Ranking[]>,
  failed: (item: Item, error: RankineError) => Ranking,
): Promise<Ranking[]> {
  const results = await markingErrors(items, (some) => first(some, { ...options, onError: "mark" }), failed)
  const at = results.flatMap((ranking, index) => (ranking.status === "failed" ? [index] : []))
  if (at.length === 0) return results
  const seconds = await second(at.map((index) => items[index]!))
  at.forEach((index, position) => {
    const ranking = seconds[position]!
    const error = results[index]!.error
    results[index] = {
      ...ranking,
      status: ranking.status === "failed" ? "failed" : "fallback",
      ...(error && ranking.status !== "failed" ? { error } : {}),
      warnings: mergeWarnings(ranking.warnings, [{ code: "fallback", count: 1 }]),
    }
  })
  return results
}

/** A part may throw although it was asked to mark: then each item is tried alone, so that only those at fault fail. */
async function markingErrors<Item>(
  items: readonly Item[],
  run: (some: readonly Item[]) => Promise<Ranking[]>,
  failed: (item: Item, error: RankineError) => Ranking,
): Promise<Ranking[]> {
  if (items.length === 0) return []
  try {
    return [...(await run(items))]
  } catch (thrown) {
    const error = toRankineError(thrown)
    if (error.code === "aborted") throw error
    if (items.length === 1) return [failed(items[0]!, error)]
    const results: Ranking[] = []
    for (const item of items) results.push(...(await markingErrors([item], run, failed)))
    return results
  }
}
