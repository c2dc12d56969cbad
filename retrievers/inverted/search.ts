/** Runs the kernel over one segment. @module */
import type { Hidden } from "./hidden.js"
import { BLOCK_SHIFT, CHUNK, CLAUSE_BYTES, HISTOGRAM_BYTES } from "./kernel.js"
import type { Segment } from "./segment.js"
import type { Scorer, SegmentTerm } from "./segment-term.js"

/** One query term in one field: its impacts are computed for `weight` and multiplied by `factor`. */
export interface Clause {
  readonly term: SegmentTerm
  readonly weight: number
  readonly factor: number
}

/** The results of one segment, best first; equal scores by document number, which is the order of ids. */
export interface SegmentHits {
  count: number
  documents: Uint32Array
  scores: Float32Array
}

/** Memory that impacts and rows of one segment may take before all of them are computed anew. */
const DERIVED_LIMIT = 2 ** 31

/** When this part of a small collection is wanted, sorting all that may be among the k best beats selecting them. */
const SORTED_PART = 1 / 8

/** Collections below this size are scored whole: the sums of all documents lie in the cache. */
const MIN_PRUNED = 8192
const MAX_PRUNED_CLAUSES = 24

export type Strategy = "auto" | "exhaustive" | "pruned"

/** Reused by every search of a segment; grown when the segment's needs grow. */
interface Scratch {
  epoch: number
  clauses: number
  clauseCapacity: number
  sums: number
  bounds: number
  mask: number
  keys: number
  keyCapacity: number
  spare: number
  histogram: number
}

export class SegmentSearcher {
  readonly #segment: Segment
  readonly #scorer: Scorer
  #scratch: Scratch | undefined
  readonly #result: SegmentHits = { count: 0, documents: new Uint32Array(64), scores: new Float32Array(64) }

  constructor(segment: Segment, scorer: Scorer) {
    this.#segment = segment
    this.#scorer = scorer
  }

  get segment(): Segment {
    return this.#segment
  }

  /**
   * The k best documents with a score of at least `floor`. `hidden` are documents that must not be returned
   * (deleted, filtered, excluded). The result's arrays are used again by the next search.
   */
  search(
    clauses: readonly Clause[],
    k: number,
    floor: number,
    hidden: Hidden | undefined,
    strategy: Strategy,
  ): SegmentHits {
    const segment = this.#segment
    const arena = segment.arena
    if (arena.used > DERIVED_LIMIT) segment.forgetDerived()
    const wanted = Math.min(k, segment.size)
    const usePruning = strategy === "pruned" || (strategy === "auto" && this.#prunes(clauses, wanted))
    const useSort = !usePruning && wanted >= segment.size * SORTED_PART && segment.size <= CHUNK
    const room = useSort ? segment.size : wanted + Math.max(wanted, 32)
    const scratch = this.#prepare(clauses.length, room, hidden !== undefined)

    let at = scratch.clauses
    // The kernel wants terms without rows first, then those that can add most: rare terms are both.
    const ordered = usePruning ? [...clauses].sort((left, right) => left.term.count - right.term.count) : clauses
    // Documents that one term alone lifts to a score bar all others below it, as long as they may be returned themselves.
    const needed = wanted + (hidden?.count ?? 0)
    let least = floor
    for (const { term, weight, factor } of ordered) {
      const impacts = term.impacts(weight, this.#scorer)
      if (usePruning) term.addRow(impacts)
      least = Math.max(least, factor * term.reachedBy(needed, impacts))
      const u32 = arena.u32
      u32[at >> 2] = term.address
      u32[(at + 4) >> 2] = term.count
      u32[(at + 8) >> 2] = impacts.address
      u32[(at + 12) >> 2] = usePruning ? impacts.row : 0
      u32[(at + 16) >> 2] = impacts.places
      arena.f64[(at + 24) >> 3] = factor
      arena.f64[(at + 32) >> 3] = factor * impacts.largest
      arena.f64[(at + 40) >> 3] = ((factor * impacts.largest) / 255) * (1 + 1e-9)
      at += CLAUSE_BYTES
    }
    if (hidden) arena.u8.set(hidden.bits, scratch.mask)
    const mask = hidden ? scratch.mask : 0
    const { kernel } = arena
    const size = segment.size
    const { clauses: table, sums, bounds, keys, spare, histogram } = scratch
    const n = clauses.length
    const count = usePruning
      ? kernel.pruned(table, n, size, bounds, sums, mask, keys, spare, room, histogram, wanted, least)
      : useSort
        ? kernel.exhaustiveMany(table, n, size, sums, mask, keys, spare, histogram, wanted)
        : kernel.exhaustive(table, n, size, sums, mask, keys, spare, room, histogram, wanted, least)
    return this.#read(scratch.keys, count)
  }

  /**
   * Whether bounds for all blocks cost less than scoring every posting. On generated collections of 10^4 to 10^6 documents the
   * costs meet at a k of about a 1300th of the collection; with many terms the bounds are too loose to skip anything.
   */
  #prunes(clauses: readonly Clause[], k: number): boolean {
    const { size } = this.#segment
    return size >= MIN_PRUNED && clauses.length <= MAX_PRUNED_CLAUSES && k <= size / 1300
  }

  #prepare(clauseCount: number, keyCount: number, needsMask: boolean): Scratch {
    const { arena, size, epoch } = this.#segment
    let scratch = this.#scratch
    if (!scratch || scratch.epoch !== epoch) {
      const sums = arena.allocate((Math.min(CHUNK, size) + 16) * 8)
      const bounds = arena.allocate(((size >> BLOCK_SHIFT) + 32) * 2)
      // Fresh pages are zero, but these may lie where impacts lay before.
      arena.u8.fill(0, sums, bounds)
      const clauses = { clauses: 0, clauseCapacity: 0, mask: 0, keys: 0, keyCapacity: 0, spare: 0, histogram: 0 }
      this.#scratch = scratch = { epoch, sums, bounds, ...clauses }
    }
    if (clauseCount > scratch.clauseCapacity) {
      scratch.clauseCapacity = Math.max(32, 2 * clauseCount)
      scratch.clauses = arena.allocate(scratch.clauseCapacity * CLAUSE_BYTES)
    }
    if (keyCount > scratch.keyCapacity) {
      scratch.keyCapacity = Math.max(64, keyCount)
      scratch.keys = arena.allocate(scratch.keyCapacity * 8)
      scratch.spare = arena.allocate(scratch.keyCapacity * 8)
      scratch.histogram ||= arena.allocate(HISTOGRAM_BYTES)
    }
    if (needsMask && scratch.mask === 0) scratch.mask = arena.allocate(Math.ceil(size / 8) + 8)
    return scratch
  }

  #read(keys: number, count: number): SegmentHits {
    const result = this.#result
    if (count > result.documents.length) {
      result.documents = new Uint32Array(count)
      result.scores = new Float32Array(count)
    }
    const { u32, f32 } = this.#segment.arena
    for (let i = 0, word = keys >> 2; i < count; i++, word += 2) {
      result.documents[i] = ~u32[word]!
      result.scores[i] = f32[word + 1]!
    }
    result.count = count
    return result
  }
}
