/** The shortest use of a reranker: a query and texts in, the texts by relevance out. @module */
import {
  type Document,
  emptyRanking,
  type Hit,
  RankineError,
  type Ranking,
  type Reranker,
  type RunOptions,
} from "./core/index.js"
import type { OpenModelOptions } from "./models/open-model.js"

export interface RerankOptions extends Omit<RunOptions, "filter" | "onError"> {
  /**
   * A reranker, or the folder or name of a model: a cross-encoder, an embedding model, a late-interaction or a T5 model.
   * Default: the embedded models, see `loadEmbeddedScorer` of `rankine/models`.
   */
  readonly model?: string | Reranker
  /** Where and how the model runs. */
  readonly settings?: OpenModelOptions
}

/** A text with its score and its place among those that were given. */
export interface RerankedText extends Pick<Hit, "score" | "span"> {
  readonly index: number
  readonly text: string
}

/** The texts by relevance, and what happened on the way. */
export interface Reranked extends Pick<Ranking, "status" | "scoreKind" | "warnings" | "usage"> {
  /** The best first; `topK` of them where that was given. */
  readonly hits: readonly RerankedText[]
}

/**
 * Orders texts by how well they answer a query. Equal scores keep the order that came in. The model is loaded by the first call and
 * kept for the next; `disposeModels` of `rankine/models` gives its memory back.
 * Throws `not-found` for a model that is not on this machine, `model` for one that cannot rank, `argument` for what is no text.
 *
 * ```ts
 * const { hits } = await rerank("how do birds sleep?", ["Heat pumps move warmth.", "Swifts sleep while they fly."])
 * console.log(hits[0].text, hits[0].score)
 * ```
 */
export async function rerank(
  query: string,
  texts: readonly (string | { readonly title?: string; readonly text: string })[],
  options: RerankOptions = {},
): Promise<Reranked> {
  const { model = "default", settings = {}, topK, ...run } = options
  if (typeof query !== "string") throw new RankineError("argument", "the query is no text: rerank(query, [text, ...])")
  if (!Array.isArray(texts)) throw new RankineError("argument", "the texts are no list: rerank(query, [text, ...])")
  if (topK !== undefined && !(Number.isInteger(topK) && topK >= 1))
    throw new RankineError("argument", `topK must be a whole number of at least 1, got ${topK}`)
  const documents = texts.map(toDocument)
  // The order that came in is the first stage's: equal scores keep it.
  const hits = documents.map((document, index) => ({ id: document.id, score: -index, document }))
  const reranker = typeof model === "string" ? await shared(model, settings) : model
  const before: Ranking = { ...emptyRanking({ id: "query", text: query }, "ordinal"), hits }
  if (hits.length === 0) {
    const { status, scoreKind, warnings, usage } = before
    return { hits: [], status, scoreKind, warnings, usage }
  }
  const [ranking] = await reranker.rerank([before], run)
  const { status, scoreKind, warnings, usage } = ranking!
  return {
    hits: ranking!.hits.slice(0, topK).map(({ id, score, span }) => {
      const index = Number(id)
      return { index, score, text: documents[index]!.text, ...(span ? { span } : {}) }
    }),
    status,
    scoreKind,
    warnings,
    usage,
  }
}

async function shared(model: string, settings: OpenModelOptions): Promise<Reranker> {
  const { sharedReranker } = await import("../rerankers/open-reranker.js")
  return sharedReranker(model, settings)
}

function toDocument(given: string | { readonly title?: string; readonly text: string }, index: number): Document {
  const document = typeof given === "string" ? { text: given } : given
  if (typeof document?.text !== "string")
    throw new RankineError("argument", `text ${index + 1} is no string and has none in "text": give strings`)
  const { title, text } = document
  return { id: String(index), ...(title === undefined ? {} : { title }), text }
}
