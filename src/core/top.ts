import type { Reranker } from "./contracts.js"
import { RankineError } from "./errors.js"
import type { Hit, Ranking } from "./ranking.js"
import { describePart } from "./stage.js"

/**
 * Reranks the first `count` hits with `stage` and leaves the rest below, in the order they came.
 * The rest's scores belong to another scale: the ranking takes the stage's score kind, and only the order counts across the seam.
 */
export function top(count: number, stage: Reranker): Reranker {
  if (!Number.isInteger(count) || count < 1)
    throw new RankineError("argument", `top needs a whole number of at least 1, got ${count}`)
  const join = (head: Ranking, rest: readonly Hit[]): Ranking =>
    rest.length === 0 ? head : { ...head, hits: [...head.hits, ...rest] }
  const split = (rankings: readonly Ranking[]) => ({
    heads: rankings.map((ranking) => ({ ...ranking, hits: ranking.hits.slice(0, count) })),
    rests: rankings.map((ranking) => ranking.hits.slice(count)),
  })
  const reranker: Reranker = {
    name: `top(${count}, ${stage.name})`,
    needs: stage.needs,
    async rerank(rankings, options) {
      const { heads, rests } = split(rankings)
      const reranked = await stage.rerank(heads, options)
      return reranked.map((head, index) => join(head, rests[index]!))
    },
    describe: () => ({ name: "top", count, stage: describePart(stage) }),
  }
  if (!stage.stream) return reranker
  return {
    ...reranker,
    async *stream(rankings, options) {
      const { heads, rests } = split(rankings)
      const restOf = new Map(rankings.map((ranking, index) => [ranking.query, rests[index]!]))
      for await (const head of stage.stream!(heads, options)) yield join(head, restOf.get(head.query) ?? [])
    },
  }
}
