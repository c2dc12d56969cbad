import * as z from "zod"
import {
  type Document,
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
      const kept = candidates.map((ranking) => ({ ...ranking, hits: ranking.hits.slice(0, depth) }))
      // Candidate files may carry the texts; else they are read from the collection.
      const texts = new Map<string, Document>()
      const wanted = new Set<string>()
      for (const { id, document } of kept.flatMap(({ hits }) => hits))
        if (document) texts.set(id, document)
        else wanted.add(id)
      if (wanted.size > 0)
        for await (const document of collectionOf(context, "candidates"))
          if (wanted.has(document.id)) texts.set(document.id, document)
      return new CandidateRetriever(kept, new MemoryDocumentStore(texts.values()))
    },
  })
}

/** Answers a query, by its id, with a ranking that was made before. */
class CandidateRetriever implements Retriever {
  readonly name = "candidates"
  readonly #rankings: ReadonlyMap<string, Ranking>

  constructor(
    rankings: readonly Ranking[],
    readonly documents: DocumentStore,
  ) {
    this.#rankings = new Map(rankings.map((ranking) => [ranking.query.id, ranking]))
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
