/** Searches in the server's indexes, and their documents. @module */
import {
  compileFilter,
  emptyRanking,
  type FilterExpression,
  hydrate,
  pipeline,
  RankineError,
  type Ranking,
  type Retriever,
  type RunOptions,
} from "../../src/core/index.js"
import { builtInPipeline } from "../../src/pipelines/built-in.js"
import { callOptions } from "../call-options.js"
import type { Caller, Timings } from "../service-types.js"
import type { IndexFacts, IndexStore } from "./index-store.js"
import type { Change } from "./journal.js"
import type { SearchPipeline } from "./search-pipelines.js"

export interface SearchCall {
  /** May be left out where there is only one. */
  readonly index?: string | undefined
  readonly queries: readonly string[]
  /** Default: the first. */
  readonly pipeline?: string | undefined
  readonly topK: number
  readonly filter?: FilterExpression | undefined
  /** Scores explained, and the order after each stage. */
  readonly explain?: boolean | undefined
  /** Default true. */
  readonly returnDocuments?: boolean | undefined
}

export interface SearchOutcome {
  readonly index: string
  readonly pipeline: string
  /** One for each query, in their order. */
  readonly rankings: readonly Ranking[]
  readonly timings: Timings
}

/** What an index may be made of by those who ask over HTTP: names only, since a retriever in full may name files of this machine. */
const RETRIEVERS = ["bm25", "dense", "sparse", "hybrid", "default"]

export class SearchService {
  readonly indexes: IndexStore
  readonly pipelines: readonly SearchPipeline[]
  readonly #retrievers: Readonly<Record<string, unknown>>

  /** @param retrievers of the configuration, by name: what indexes may be made of besides the usual ones */
  constructor(
    indexes: IndexStore,
    pipelines: readonly SearchPipeline[],
    retrievers: Readonly<Record<string, unknown>> = {},
  ) {
    this.indexes = indexes
    this.pipelines = pipelines
    this.#retrievers = retrievers
  }

  /** Names of what an index can be made of. */
  get retrievers(): string[] {
    return [...new Set([...Object.keys(this.#retrievers), ...RETRIEVERS])]
  }

  /** Throws `argument` for a retriever that is not offered, and what `IndexStore.create` throws. Returns whether the index is new. */
  createIndex(
    name: string,
    retriever: string | { readonly bm25: Readonly<Record<string, unknown>> },
  ): Promise<boolean> {
    return this.indexes.create(name, typeof retriever === "string" ? this.#named(retriever) : retriever)
  }

  /**
   * Changes the documents of an index; one that is not there is made, with BM25. Returns how many documents were written, or were there to delete.
   */
  change(name: string, change: Change): Promise<number> {
    return this.indexes.change(name, change)
  }

  /**
   * Ranks documents of an index.
   *
   * @throws RankineError `not-found` for an index or pipeline that is not there, `argument` for a filter that makes no sense, and what stages throw
   */
  async search(call: SearchCall, caller: Caller): Promise<SearchOutcome> {
    const { options, timings } = callOptions(caller)
    const { facts, chosen, held } = this.#begin(call)
    try {
      const queries = call.queries.map((text, index) => ({ id: String(index), text }))
      const { retriever } = held
      const rankings = retriever
        ? await withDocuments(
            await pipeline(retriever, ...chosen.stages).retrieve(queries, { ...options, ...asked(call) }),
            retriever,
            call,
            caller.signal,
          )
        : queries.map((query) => emptyRanking(query, "ordinal"))
      return { index: facts.name, pipeline: chosen.name, rankings, timings: timings() }
    } finally {
      held.release()
    }
  }

  /** The ranking of one query, better and better; the last has `final: true`. Throws as `search`. */
  async *stream(call: SearchCall, caller: Caller): AsyncGenerator<SearchOutcome> {
    const { options, timings } = callOptions(caller)
    const { facts, chosen, held } = this.#begin(call)
    try {
      const query = { id: "0", text: call.queries[0]! }
      const { retriever } = held
      const outcome = (rankings: readonly Ranking[]): SearchOutcome => ({
        index: facts.name,
        pipeline: chosen.name,
        rankings,
        timings: timings(),
      })
      if (!retriever) return yield outcome([emptyRanking(query, "ordinal")])
      const better = pipeline(retriever, ...chosen.stages).stream([query], { ...options, ...asked(call) })
      for await (const ranking of better) yield outcome(await withDocuments([ranking], retriever, call, caller.signal))
    } finally {
      held.release()
    }
  }

  /** What of a search can be wrong is found before anything is looked up. */
  #begin(call: SearchCall) {
    if (call.filter) compileFilter(call.filter)
    const chosen = this.#pipeline(call.pipeline)
    const facts = this.#index(call.index)
    return { facts, chosen, held: this.indexes.hold(facts.name) }
  }

  #index(name: string | undefined): IndexFacts {
    if (name !== undefined) return this.indexes.describe(name)
    const all = this.indexes.list()
    if (all.length === 1) return all[0]!
    throw new RankineError(
      all.length === 0 ? "not-found" : "argument",
      all.length === 0
        ? "there is no index yet: put documents into one first"
        : `index is missing: use ${all
            .slice(0, 20)
            .map((index) => index.name)
            .join(", ")}`,
    )
  }

  #pipeline(name: string | undefined): SearchPipeline {
    const found = name === undefined ? this.pipelines[0] : this.pipelines.find((pipeline) => pipeline.name === name)
    if (found) return found
    throw new RankineError(
      "not-found",
      `there is no pipeline ${name === undefined ? "" : `"${name.slice(0, 100)}"`}: use ${this.pipelines.map((pipeline) => pipeline.name).join(", ")}`,
    )
  }

  #named(name: string): unknown {
    if (Object.hasOwn(this.#retrievers, name)) return this.#retrievers[name]
    if (RETRIEVERS.includes(name)) return builtInPipeline(name)
    throw new RankineError(
      "argument",
      `there is no retriever "${name.slice(0, 100)}": use ${this.retrievers.join(", ")}, or { bm25: { analyzer, k1, b } }`,
    )
  }
}

function asked({ topK, filter, explain }: SearchCall): RunOptions {
  return { topK, ...(filter ? { filter } : {}), ...(explain ? { explain } : {}) }
}

/** The texts of hits, where they are wanted and no stage has fetched them yet. */
async function withDocuments(
  rankings: Ranking[],
  retriever: Retriever,
  call: SearchCall,
  signal: AbortSignal,
): Promise<Ranking[]> {
  if (call.returnDocuments === false || !retriever.documents) return rankings
  return hydrate(retriever.documents).rerank(rankings, { signal })
}
