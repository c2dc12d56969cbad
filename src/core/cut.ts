import type { Reranker } from "./contracts.js"
import { RankineError } from "./errors.js"

/** Keeps the first `count` hits. Throws `argument` unless count is a whole number of at least 1. */
export function cut(count: number): Reranker {
  if (!Number.isInteger(count) || count < 1)
    throw new RankineError("argument", `cut needs a whole number of at least 1, got ${count}`)
  return {
    name: `cut(${count})`,
    needs: "ids",
    rerank: async (rankings) => rankings.map((ranking) => ({ ...ranking, hits: ranking.hits.slice(0, count) })),
    describe: () => ({ name: "cut", count }),
  }
}
