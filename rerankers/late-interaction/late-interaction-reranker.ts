import { MaxSim } from "../../retrievers/late-interaction/max-sim.js"
import {
  type Description,
  queueShare,
  RankineError,
  type RunOptions,
  throwIfAborted,
  toRankineError,
} from "../../src/core/index.js"
import { fingerprintOf } from "../../src/models/fingerprint.js"
import type { PairScorer, PairScores, TextPair } from "../../src/models/index.js"
import type { MultiVector, MultiVectorModel } from "../../src/models/multi-vector-encoder.js"
import { PairReranker, type PointwiseOptions } from "../pointwise/pair-reranker.js"

/** Documents whose vectors are held at a time: a document has as many as it has tokens. */
const DOCUMENTS_AT_ONCE = 128

/**
 * A late-interaction model as a scorer of pairs: the sum over the query's tokens of the largest dot product with a token of the document.
 * Each distinct text of a request is encoded once.
 */
export function maxSimScorer(model: MultiVectorModel): PairScorer {
  return {
    name: model.name,
    scoreKind: "dot",
    fingerprint: fingerprintOf("late-interaction", { model: model.fingerprint }),
    // Query and document are read apart, each up to a length of its own.
    maxLength: 2 * (model.maxLength ?? Number.POSITIVE_INFINITY),
    score: (pairs, options = {}) => scorePairs(model, pairs, options),
  }
}

interface Scored extends PairScores {
  /** What each pair cost: a text is read for the first pair that has it. */
  readonly lengths?: readonly number[]
}

async function scorePairs(model: MultiVectorModel, pairs: readonly TextPair[], options: RunOptions): Promise<Scored> {
  const { signal, onProgress } = options
  const run = queueShare(options)
  const queries = placesOf(pairs, "query")
  const documents = [...placesOf(pairs, "document")]
  const asked = await model.embed([...queries.keys()], "query", run)
  const scores = new Array<number>(pairs.length).fill(0)
  const lengths = new Array<number>(pairs.length).fill(0)
  const truncated = new Set<number>()
  let tokens = asked.tokens
  let measured = asked.lengths !== undefined
  const queryOf = new Map([...queries.values()].flatMap((places, query) => places.map((place) => [place, query])))
  ;[...queries.values()].forEach((places, query) => {
    lengths[places[0]!]! += asked.lengths?.[query] ?? 0
  })
  const cutQueries = new Set(asked.truncated)
  const sim = new MaxSim(model.dimension)
  for (let first = 0; first < documents.length; first += DOCUMENTS_AT_ONCE) {
    throwIfAborted(signal)
    const some = documents.slice(first, first + DOCUMENTS_AT_ONCE)
    const read = await model.embed(
      some.map(([text]) => text),
      "document",
      run,
    )
    tokens += read.tokens
    measured &&= read.lengths !== undefined
    const cutDocuments = new Set(read.truncated)
    for (const [index, [, places]] of some.entries()) {
      lengths[places[0]!]! += read.lengths?.[index] ?? 0
      for (const place of places) {
        const query = queryOf.get(place)!
        scores[place] = scoreOf(sim, asked.vectors[query]!, read.vectors[index]!, model.name)
        if (cutQueries.has(query) || cutDocuments.has(index)) truncated.add(place)
      }
      await turn(signal)
    }
    onProgress?.({ stage: "score", done: first + some.length, total: documents.length, unit: "documents" })
  }
  return { scores, tokens, truncated: [...truncated].sort((a, b) => a - b), ...(measured ? { lengths } : {}) }
}

function scoreOf(sim: MaxSim, query: MultiVector, document: MultiVector, name: string): number {
  try {
    sim.query = query
    return sim.score(document).score
  } catch (thrown) {
    const { message } = toRankineError(thrown)
    throw new RankineError("model", `${name} gave no usable vectors: ${message}`, { cause: thrown })
  }
}

/** Distinct texts in the order in which they come, and the pairs that have each. */
function placesOf(pairs: readonly TextPair[], side: "query" | "document"): Map<string, number[]> {
  const places = new Map<string, number[]>()
  pairs.forEach((pair, place) => {
    const known = places.get(pair[side])
    if (known) known.push(place)
    else places.set(pair[side], [place])
  })
  return places
}

async function turn(signal: AbortSignal | undefined): Promise<void> {
  await new Promise(setImmediate)
  throwIfAborted(signal)
}

/** Reranks by MaxSim of the token vectors of query and document (ColBERT); otherwise as `PairReranker`. */
export class LateInteractionReranker extends PairReranker {
  constructor(
    readonly model: MultiVectorModel,
    options: PointwiseOptions = {},
  ) {
    super(maxSimScorer(model), { name: `late-interaction(${model.name})`, ...options })
  }

  override describe(): Description {
    return { ...super.describe(), name: "late-interaction" }
  }
}

/** Reranks by a late-interaction model: the cost of an embedding model, and words are compared in their context. */
export function lateInteraction(model: MultiVectorModel, options: PointwiseOptions = {}): LateInteractionReranker {
  return new LateInteractionReranker(model, options)
}
