import * as z from "zod"
import {
  type DocumentStore,
  emptyRanking,
  MemoryDocumentStore,
  type Query,
  RankineError,
  type Ranking,
  type Retriever,
  type RunOptions,
  resolveTopK,
} from "../../core/index.js"
import { collectionOf, registerRetriever } from "../registry.js"

export function registerCandidates(): void {
  registerRetriever("candidates", {
    summary: "The rankings that a data set brings, to be reranked: { candidates: { depth: 100 } }.",
    schema: z.strictObject({ depth: z.int().min(1).optional().describe("Keep only the first hits.") }),
    async build({ depth }, context) {
      const { candidates } = context
      if (!candidates)
        throw new RankineError("argument", "there are no candidates: take a data set that brings a first stage")
      const wanted = new Set<string>()
      const kept = candidates.map((ranking) => ({ ...ranking, hits: ranking.hits.slice(0, depth) }))
      for (const { hits } of kept) for (const { id, document } of hits) if (!document) wanted.add(id)
      if (wanted.size === 0) return new CandidateRetriever(kept)
      const texts = []
      for await (const document of collectionOf(context, "candidates"))
        if (wanted.has(document.id)) texts.push(document)
      return new CandidateRetriever(kept, new MemoryDocumentStore(texts))
    },
  })
}

/** Answers a query, by its id, with a ranking that was made before. */
class CandidateRetriever implements Retriever {
  readonly name = "candidates"
  readonly documents?: DocumentStore
  readonly #rankings: ReadonlyMap<string, Ranking>

  constructor(rankings: readonly Ranking[], documents?: DocumentStore) {
    this.#rankings = new Map(rankings.map((ranking) => [ranking.query.id, ranking]))
    if (documents) this.documents = documents
  }

  async retrieve(queries: readonly Query[], options: RunOptions = {}): Promise<Ranking[]> {
    const topK = resolveTopK(options)
    return queries.map((query) => {
      const known = this.#rankings.get(query.id)
      // A query without candidates has no answer, which evaluation counts as such.
      if (!known) return emptyRanking(query, "ordinal")
      return { ...known, query, hits: known.hits.slice(0, topK) }
    })
  }

  describe() {
    return { name: this.name, queries: this.#rankings.size }
  }
}
