/** The segments of an index that grows and shrinks without being rebuilt: additions, deletions, searches. @module */
import type { RunOptions } from "../../src/core/contracts.js"
import type { Document, DocumentStore, Query } from "../../src/core/document.js"
import { RankineError, throwIfAborted, toRankineError } from "../../src/core/errors.js"
import { compareHits, emptyRanking, type Hit, type Ranking, type ScoreKind } from "../../src/core/ranking.js"
import { HiddenDocuments } from "./hidden.js"
import { mergeSegments } from "./merge.js"
import { type Clause, SegmentSearcher, type Strategy } from "./search.js"
import type { Segment } from "./segment.js"
import type { Scorer } from "./segment-term.js"

export interface InvertedSearchOptions extends RunOptions {
  /** `auto` chooses by cost; `exhaustive` and `pruned` give the same ranking and exist to compare them. */
  readonly strategy?: Strategy
}

export interface InvertedStats {
  readonly documents: number
  readonly deleted: number
  readonly segments: number
  readonly terms: number
  readonly postings: number
  /** Bytes on disk or in memory that the postings take, without the documents: postings, dictionary, lengths and ids. */
  readonly bytes: number
}

/** The hits of a query, given its clauses for each segment. */
export type Search = (
  query: Pick<Query, "excludedIds">,
  bySegment: readonly (readonly Clause[])[],
  topK: number,
) => Hit[]

/** Milliseconds after which the event loop gets its turn. */
export const TURN_MS = 25

/** Documents that are read from disk at the same time. */
const READ_AT_ONCE = 256

export class InvertedIndex {
  readonly documents: DocumentStore
  readonly #scorerOf: (segment: Segment) => Scorer
  readonly #hidden = new HiddenDocuments()
  #segments: readonly Segment[]
  #searchers: SegmentSearcher[] | undefined
  #generation = 0
  /** Additions and deletions take turns: each sees the index that the one before it left. */
  #writing: Promise<unknown> = Promise.resolve()

  /** `scorerOf` is asked anew for every segment after every change. */
  constructor(scorerOf: (segment: Segment) => Scorer, segments: readonly Segment[] = []) {
    this.#scorerOf = scorerOf
    this.#segments = segments
    this.documents = { get: (ids, signal) => this.#getDocuments(ids, signal) }
  }

  get segments(): readonly Segment[] {
    return this.#segments
  }

  /** Rises with every change. */
  get generation(): number {
    return this.#generation
  }

  /** Living documents. */
  get size(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.livingCount, 0)
  }

  get stats(): InvertedStats {
    const sum = (of: (segment: Segment) => number) => this.#segments.reduce((total, segment) => total + of(segment), 0)
    return {
      documents: this.size,
      deleted: sum((segment) => segment.deletedCount),
      segments: this.#segments.length,
      terms: sum((segment) => segment.fields.reduce((terms, field) => terms + field.terms.size, 0)),
      postings: sum((segment) => segment.postingCount),
      bytes: sum(segmentBytes),
    }
  }

  /** Work that no other such work may overlap with. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#writing.then(work)
    this.#writing = result.catch(() => {})
    return result
  }

  /**
   * Adds what `analyse` makes of documents and returns how many there are. All or nothing: an id that is twice in them, or in the index
   * already, throws `data`. With `replace`, a document takes the place of the one with its id. `added` is called once they are in the index.
   */
  async add(
    analyse: () => Promise<readonly Segment[]>,
    replace: boolean | undefined,
    added?: () => void,
  ): Promise<number> {
    return this.exclusively(async () => {
      const fresh = await analyse()
      const replaced: [Segment, number][] = []
      fresh.forEach((segment, position) => {
        for (let document = 0; document < segment.size; document++) {
          const id = segment.ids.get(document)
          const twin = fresh.slice(0, position).find((other) => other.ids.find(id) >= 0)
          if (twin) throw duplicate(id, "two of the documents have")
          const old = this.find(id)
          if (!old) continue
          if (!replace) throw duplicate(id, "the index has a document with")
          replaced.push(old)
        }
      })
      for (const [segment, document] of replaced) segment.delete(document)
      this.#become(mergeSegments([...this.#segments, ...fresh], false))
      added?.()
      return fresh.reduce((sum, segment) => sum + segment.size, 0)
    })
  }

  /** Deletes documents by id and returns how many were there. */
  async delete(ids: Iterable<string>): Promise<number> {
    return this.exclusively(async () => {
      let deleted = 0
      for (const id of ids) {
        const place = this.find(id)
        if (place?.[0].delete(place[1])) deleted++
      }
      if (deleted > 0) this.#become(mergeSegments(this.#segments, false))
      return deleted
    })
  }

  /** Merges everything into as few segments as possible, without what was deleted. */
  async optimize(): Promise<void> {
    await this.exclusively(async () => this.#become(mergeSegments(this.#segments, true)))
  }

  /** Where a living document is. */
  find(id: string): [Segment, number] | undefined {
    for (const segment of this.#segments) {
      const document = segment.ids.find(id)
      if (document >= 0 && !segment.isDeleted(document)) return [segment, document]
    }
    return undefined
  }

  /**
   * Ranks items that hold a query one after the other, giving the event loop its turns. What fails is thrown, or marked as asked;
   * `progress` is called with the number of items done.
   */
  async rankEach<Item extends { readonly query: Query }>(
    items: readonly Item[],
    rank: (item: Item, search: Search) => Ranking,
    scoreKind: ScoreKind,
    options: InvertedSearchOptions,
    progress: (done: number) => void,
  ): Promise<Ranking[]> {
    const { filter, signal, strategy = "auto" } = options
    const filtered = () => filter && this.#hidden.ofFilter(filter, this.#segments, this.#generation)
    let hiddenByFilter = filtered()
    const search: Search = (query, bySegment, topK) => {
      let hits: Hit[] = []
      let floor = 0
      this.#searchers ??= this.#segments.map((segment) => new SegmentSearcher(segment, this.#scorerOf(segment)))
      this.#searchers.forEach((searcher, index) => {
        const clauses = bySegment[index]!
        if (clauses.length === 0) return
        const { segment } = searcher
        const hidden = this.#hidden.of(segment, hiddenByFilter?.[index], query.excludedIds)
        const found = searcher.search(clauses, topK, floor, hidden, strategy)
        const { ids } = segment
        const first = hits.length === 0
        for (let i = 0; i < found.count; i++) hits.push({ id: ids.get(found.documents[i]!), score: found.scores[i]! })
        if (!first) {
          hits.sort(compareHits)
          if (hits.length > topK) hits = hits.slice(0, topK)
        }
        if (hits.length === topK) floor = hits[topK - 1]!.score
      })
      return hits
    }
    const rankings: Ranking[] = []
    let turn = performance.now()
    for (const item of items) {
      throwIfAborted(signal)
      if (performance.now() - turn > TURN_MS) {
        progress(rankings.length)
        await new Promise(setImmediate)
        // The index may have changed meanwhile: what is hidden belongs to the segments of now.
        hiddenByFilter = filtered()
        turn = performance.now()
      }
      try {
        rankings.push(rank(item, search))
      } catch (thrown) {
        const error = toRankineError(thrown)
        if (options.onError !== "mark") throw error
        rankings.push({ ...emptyRanking(item.query, scoreKind), status: "failed", error })
      }
    }
    return rankings
  }

  /** Frees the memory and closes the files. */
  async close(): Promise<void> {
    await this.exclusively(async () => {
      for (const segment of this.#segments) await segment.documents?.close()
      this.#become([])
    })
  }

  /** Whatever was derived from the old segments is void. It is computed anew by the next search, so that many small changes stay cheap. */
  #become(segments: readonly Segment[]): void {
    this.#segments = segments
    this.#generation++
    for (const segment of segments) segment.forgetDerived()
    this.#searchers = undefined
  }

  async #getDocuments(ids: readonly string[], signal: AbortSignal | undefined): Promise<(Document | undefined)[]> {
    const found: (Document | undefined)[] = []
    for (let from = 0; from < ids.length; from += READ_AT_ONCE) {
      throwIfAborted(signal)
      const some = ids.slice(from, from + READ_AT_ONCE).map(async (id) => {
        const place = this.find(id)
        return place?.[0].documents?.get(place[1])
      })
      found.push(...(await Promise.all(some)))
    }
    return found
  }
}

function duplicate(id: string, who: string): RankineError {
  return new RankineError("data", `${who} the id "${id}": ids must be unique; delete it first, or add with replace`, {
    details: { id },
  })
}

function segmentBytes(segment: Segment): number {
  const ids = segment.ids.parts()
  return segment.fields.reduce((sum, field) => {
    const { slots, starts, units } = field.terms.parts()
    const dictionary = slots.byteLength + starts.byteLength + units.byteLength
    return (
      sum + dictionary + field.starts.byteLength + field.lengths.byteLength + 4 * field.starts[field.starts.length - 1]!
    )
  }, ids.bytes.byteLength + ids.starts.byteLength)
}
