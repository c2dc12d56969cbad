/** The reranker that the package carries. @module */

import { createHash } from "node:crypto"
import type { RunOptions } from "../core/contracts.js"
import { RankineError } from "../core/errors.js"
import { queueShare } from "../core/queue-share.js"
import { cosine } from "./cosine.js"
import { distinctTexts } from "./distinct-texts.js"
import { embeddedModel } from "./embedded.js"
import type { EncoderSettings } from "./encoder/load.js"
import { openSparseEncoder } from "./open-embedder.js"
import type { PairScorer, PairScores, TextPair } from "./pair-scorer.js"
import type { QueueStats } from "./scheduler.js"
import type { SparseEncoder, SparseVector } from "./sparse-encoder.js"
import { loadStaticEmbedder, type StaticEmbedder } from "./static-embedder.js"

/** What each part counts for. They sum to 1, so that scores end at 1. */
const WEIGHTS = { sparse: 0.7, dense: 0.3 }

/** The embedded reranker; it holds native memory until it is disposed of. */
export interface EmbeddedPairScorer extends PairScorer, AsyncDisposable {
  /** Of its one model with a queue, the sparse one. */
  readonly stats: QueueStats | undefined
}

/**
 * Loads the embedded reranker: 0.7 times the cosine of SPLADE-tiny's term weights and 0.3 times the cosine of potion-base-4M's vectors, the
 * latter not below 0. That is the cosine of the two vectors joined, so a score lies in [0, 1] and depends on nothing but its pair.
 *
 * @throws RankineError `dependency` where onnxruntime-node is missing, `not-found` where the package was copied without its assets
 */
export async function loadEmbeddedScorer(settings: EncoderSettings = {}): Promise<EmbeddedPairScorer> {
  const dense = await loadStaticEmbedder(embeddedModel("potion-base-4M"))
  const sparse = await openSparseEncoder("splade-tiny", settings)
  return new EmbeddedScorer(dense, sparse)
}

class EmbeddedScorer implements EmbeddedPairScorer {
  readonly name = "default"
  readonly scoreKind = "cosine"
  readonly fingerprint: string
  readonly maxLength: number
  readonly languages = ["en"]

  constructor(
    private readonly dense: StaticEmbedder,
    private readonly sparse: SparseEncoder,
  ) {
    this.maxLength = sparse.maxLength
    const parts = [dense.checksum, sparse.checksum, sparse.maxLength, WEIGHTS]
    this.fingerprint = createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32)
  }

  async score(pairs: readonly TextPair[], options: RunOptions = {}): Promise<PairScores> {
    for (const [index, { query, document }] of pairs.entries())
      if (typeof query !== "string" || typeof document !== "string")
        throw new RankineError("argument", `pair ${index + 1} of ${pairs.length} has no texts: give strings`)
    const run = queueShare(options)
    const queries = distinctTexts(pairs.map(({ query }) => query))
    const documents = distinctTexts(pairs.map(({ document }) => document))
    const [denseQueries, denseDocuments] = [
      await this.dense.encode(queries.texts, "query", run),
      await this.dense.encode(documents.texts, "document", run),
    ]
    const sparseQueries = await this.sparse.embed(queries.texts, "query", run)
    const sparseDocuments = await this.sparse.embed(documents.texts, "document", {
      ...run,
      ...(options.onProgress ? { onProgress: options.onProgress } : {}),
    })
    const cut = new Set(sparseDocuments.truncated)
    const scores: number[] = []
    const truncated: number[] = []
    pairs.forEach((_, pair) => {
      const [query, document] = [queries.places[pair]!, documents.places[pair]!]
      const dense = cosine(denseQueries[query]!, denseDocuments[document]!)
      const sparse = sparseCosine(sparseQueries.vectors[query]!, sparseDocuments.vectors[document]!)
      scores.push(WEIGHTS.sparse * sparse + WEIGHTS.dense * Math.max(0, dense))
      if (cut.has(document)) truncated.push(pair)
    })
    return { scores, tokens: sparseQueries.tokens + sparseDocuments.tokens, truncated }
  }

  /** Of the sparse part, whose limit is the shorter one. */
  countTokens(text: string): number {
    return this.sparse.countTokens?.(text) ?? 0
  }

  get stats(): QueueStats | undefined {
    return this.sparse.stats
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sparse[Symbol.asyncDispose]()
  }
}

/** Ids ascend in both, so one walk meets all that they share. */
function sparseCosine(left: SparseVector, right: SparseVector): number {
  let product = 0
  let at = 0
  for (let i = 0; i < left.ids.length; i++) {
    while (at < right.ids.length && right.ids[at]! < left.ids[i]!) at++
    if (at < right.ids.length && right.ids[at] === left.ids[i]) product += left.weights[i]! * right.weights[at]!
  }
  const length = Math.sqrt(squares(left.weights) * squares(right.weights))
  return length > 0 ? product / length : 0
}

function squares(weights: Float32Array): number {
  let sum = 0
  for (const weight of weights) sum += weight * weight
  return sum
}
