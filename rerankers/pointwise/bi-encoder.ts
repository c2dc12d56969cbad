import { type Description, queueShare } from "../../src/core/index.js"
import { fingerprintOf } from "../../src/models/fingerprint.js"
import { cosine, distinctTexts, type EmbeddingModel, type PairScorer, type PairScores } from "../../src/models/index.js"
import { PairReranker, type PointwiseOptions } from "./pair-reranker.js"

/**
 * An embedding model as a scorer of pairs: the cosine of the query's and the document's vector. Each distinct text of a request is
 * embedded once; a text without a vector (a zero vector) has cosine 0 with everything.
 */
export function embeddingScorer(model: EmbeddingModel): PairScorer {
  return {
    name: model.name,
    scoreKind: "cosine",
    languages: model.languages,
    fingerprint: fingerprintOf("bi-encoder", { model: model.fingerprint }),
    // Query and document are read apart, each up to the model's length.
    maxLength: 2 * (model.maxLength ?? Number.POSITIVE_INFINITY),
    async score(pairs, options = {}): Promise<PairScores> {
      const { onProgress } = options
      const documents = distinctTexts(pairs.map(({ document }) => document))
      const run = queueShare(options)
      const queries = distinctTexts(pairs.map(({ query }) => query))
      const asked = await model.embed(queries.texts, "query", run)
      const read = await model.embed(documents.texts, "document", { ...run, ...(onProgress ? { onProgress } : {}) })
      const cutQueries = new Set(asked.truncated)
      const cutDocuments = new Set(read.truncated)
      const places = pairs.map((_, index) => [queries.places[index]!, documents.places[index]!] as const)
      const lengths = asked.lengths && read.lengths && costs(places, asked.lengths, read.lengths)
      return {
        ...(lengths ? { lengths } : {}),
        scores: places.map(([query, document]) => cosine(asked.vectors[query]!, read.vectors[document]!)),
        tokens: asked.tokens + read.tokens,
        cached: (asked.cached ?? 0) + (read.cached ?? 0),
        truncated: places.flatMap(([query, document], index) =>
          cutQueries.has(query) || cutDocuments.has(document) ? [index] : [],
        ),
      }
    },
  }
}

/** Reranks by the cosine of query and document vectors; otherwise as `PairReranker`. */
export class BiEncoderReranker extends PairReranker {
  constructor(
    readonly model: EmbeddingModel,
    options: PointwiseOptions = {},
  ) {
    super(embeddingScorer(model), { name: `bi-encoder(${model.name})`, ...options })
  }

  override describe(): Description {
    return { ...super.describe(), name: "bi-encoder" }
  }
}

/** Reranks by an embedding model: cheaper than a cross-encoder, and better than the first stage where that looks at words only. */
export function biEncoder(model: EmbeddingModel, options: PointwiseOptions = {}): BiEncoderReranker {
  return new BiEncoderReranker(model, options)
}

/** What each pair costs: a text is read for the first pair that has it. */
function costs(
  places: readonly (readonly [query: number, document: number])[],
  queries: readonly number[],
  documents: readonly number[],
): number[] {
  const readQueries = new Set<number>()
  const readDocuments = new Set<number>()
  return places.map(([query, document]) => {
    const cost =
      (readQueries.has(query) ? 0 : queries[query]!) + (readDocuments.has(document) ? 0 : documents[document]!)
    readQueries.add(query)
    readDocuments.add(document)
    return cost
  })
}
