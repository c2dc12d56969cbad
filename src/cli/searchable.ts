/** An index of either form, ready to be asked. @module */
import type { Document, Ranking, RunOptions } from "../core/index.js"
import type { Analyzer } from "../text/index.js"

export interface Searchable {
  /** Living documents, where that is known. */
  readonly size: number | undefined
  /** What marks matches in snippets. */
  readonly analyzer: Analyzer
  search(query: string, options: RunOptions): Promise<Ranking>
  documents(ids: readonly string[]): Promise<(Document | undefined)[]>
  close(): Promise<void>
}

/** Opens a directory that `rankine index` wrote, a BM25 index or a pipeline with its indexes. */
export async function openSearchable(directory: string): Promise<Searchable> {
  const { isSavedPipeline } = await import("../pipelines/saved.js")
  return (await isSavedPipeline(directory)) ? openPipeline(directory) : openBm25(directory)
}

async function openBm25(directory: string): Promise<Searchable> {
  const { Bm25Index } = await import("../../retrievers/bm25/index.js")
  const index = await Bm25Index.load(directory)
  return {
    size: index.size,
    analyzer: index.analyzer,
    search: async (text, options) => (await index.retrieve([{ id: "query", text }], options))[0]!,
    documents: (ids) => index.documents.get(ids),
    close: () => index[Symbol.asyncDispose](),
  }
}

async function openPipeline(directory: string): Promise<Searchable> {
  const [{ openSavedPipeline }, { disposeModels }, { createAnalyzer }] = await Promise.all([
    import("../pipelines/saved.js"),
    import("../models/shared-models.js"),
    import("../text/create-analyzer.js"),
  ])
  const pipeline = await openSavedPipeline(directory)
  return {
    size: undefined,
    analyzer: createAnalyzer("english"),
    search: async (text, options) => (await pipeline.retrieve([{ id: "query", text }], options))[0]!,
    documents: async (ids) => pipeline.documents?.get(ids) ?? ids.map(() => undefined),
    close: disposeModels,
  }
}
