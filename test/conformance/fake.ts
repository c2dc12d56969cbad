import {
  compareHits,
  compileFilter,
  type Document,
  documentText,
  emptyRanking,
  type Hit,
  MemoryDocumentStore,
  type Retriever,
  resolveTopK,
  throwIfAborted,
  type Warning,
} from "../../src/core/index.js"

const words = (text: string): string[] => text.toLowerCase().match(/\p{L}+/gu) ?? []

/** The simplest retriever that keeps the contract: a word scores `weight` for each time the document holds it. */
export function fakeRetriever(
  documents: readonly Document[],
  { name = "fake", weight = 1 }: { name?: string; weight?: number } = {},
): Retriever {
  return {
    name,
    documents: new MemoryDocumentStore(documents),
    describe: () => ({ name, weight }),
    async retrieve(queries, options = {}) {
      throwIfAborted(options.signal)
      const topK = resolveTopK(options)
      const keep = options.filter ? compileFilter(options.filter) : () => true
      return queries.map((query) => {
        const terms = words(query.text)
        const excluded = new Set(query.excludedIds)
        const hits = documents
          .filter((document) => !excluded.has(document.id) && keep(document))
          .flatMap((document): Hit[] => {
            const held = words(documentText(document))
            const parts = terms.map((term) => ({
              value: weight * held.filter((word) => word === term).length,
              description: term,
            }))
            const score = parts.reduce((sum, part) => sum + part.value, 0)
            if (score === 0) return []
            const explanation = { value: score, description: "sum of", details: parts }
            return [{ id: document.id, score, source: name, ...(options.explain ? { explanation } : {}) }]
          })
          .sort(compareHits)
          .slice(0, topK)
        const warnings: Warning[] =
          terms.length === 0
            ? [{ code: "empty-query", count: 1 }]
            : hits.length === 0
              ? [{ code: "no-known-terms", count: 1 }]
              : []
        return {
          ...emptyRanking(query, "dot"),
          hits,
          warnings,
          usage: { ...emptyRanking(query, "dot").usage, calls: 1 },
        }
      })
    },
  }
}
