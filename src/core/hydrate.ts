import type { Reranker } from "./contracts.js"
import type { DocumentStore } from "./document.js"
import { mergeWarnings, type Ranking } from "./ranking.js"

/**
 * Gives every hit its document, one fetch for all rankings. A hit whose document the store does not hold stays in place
 * without text and is counted as `missing-document`.
 */
export function hydrate(store: DocumentStore): Reranker {
  return {
    name: "hydrate",
    needs: "ids",
    describe: () => ({ name: "hydrate" }),
    async rerank(rankings, options = {}) {
      const wanted = new Set<string>()
      for (const ranking of rankings) for (const hit of ranking.hits) if (!hit.document) wanted.add(hit.id)
      const ids = [...wanted]
      const found = await store.get(ids, options.signal)
      const byId = new Map(ids.map((id, index) => [id, found[index]]))
      return rankings.map((ranking): Ranking => {
        const missing: string[] = []
        const hits = ranking.hits.map((hit) => {
          if (hit.document) return hit
          const document = byId.get(hit.id)
          if (document) return { ...hit, document }
          missing.push(hit.id)
          return hit
        })
        if (missing.length === 0) return { ...ranking, hits }
        const warning = { code: "missing-document", count: missing.length, ids: missing } as const
        return { ...ranking, hits, warnings: mergeWarnings(ranking.warnings, [warning]) }
      })
    },
  }
}
