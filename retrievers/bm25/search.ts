/** Runs the kernel over one segment. @module */
import { BLOCK_SHIFT, CHUNK, CLAUSE_BYTES } from "./kernel.js"
import type { ScoringParameters } from "./scoring.js"
import type { Segment } from "./segment.js"
import type { SegmentTerm } from "./term-state.js"

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

/** From this k on, sorting what may be among the k best is faster than a heap. */
const MANY = 64

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
  readonly #parameters: ScoringParameters
  readonly #factors: readonly (Float32Array | Float64Array)[]
  #scratch: Scratch | undefined
  readonly #result: SegmentHits = { count: 0, documents: new Uint32Array(64), scores: new Float32Array(64) }

  constructor(segment: Segment, parameters: ScoringParameters, factors: readonly (Float32Array | Float64Array)[]) {
    this.#segment = segment
    this.#parameters = parameters
    this.#factors = factors
  }

  get segment(): Segment {
    return this.#segment
  }

  /**
   * The k best documents with a score of at least `floor`. `hidden` has a bit per document that must not be returned
   * (deleted, filtered, excluded). The result's arrays are used again by the next search.
   */
  search(
    clauses: readonly Clause[],
    k: number,
    floor: number,
    hidden: Uint8Array | undefined,
    strategy: Strategy,
  ): SegmentHits {
    const segment = this.#segment
    const arena = segment.arena
    if (arena.used > DERIVED_LIMIT) segment.forgetDerived()
    const wanted = Math.min(k, segment.size)
    const usePruning = strategy === "pruned" || (strategy === "auto" && this.#prunes(clauses, wanted))
    const useSort = !usePruning && wanted >= MANY && segment.size <= CHUNK
    const scratch = this.#prepare(
      clauses.length,
      useSort ? Math.min(segment.size, CHUNK) : wanted,
      hidden !== undefined,
    )

    let at = scratch.clauses
    for (let i = 0; i < clauses.length; i++) {
      const { term, weight, factor } = clauses[i]!
      const impacts = term.impacts(weight, this.#parameters, this.#factors[term.field]!)
      if (usePruning) term.addRow(impacts)
      const u32 = arena.u32
      u32[at >> 2] = term.address
      u32[(at + 4) >> 2] = term.count
      u32[(at + 8) >> 2] = impacts.address
      u32[(at + 12) >> 2] = usePruning ? impacts.row : 0
      u32[(at + 16) >> 2] = impacts.offsets
      arena.f64[(at + 24) >> 3] = factor
      arena.f64[(at + 32) >> 3] = factor * impacts.largest
      at += CLAUSE_BYTES
    }
    if (hidden) arena.u8.set(hidden, scratch.mask)
    const mask = hidden ? scratch.mask : 0
    const { kernel } = arena
    const size = segment.size
    let count: number
    if (usePruning) {
      const { clauses: table, bounds, sums, keys } = scratch
      count = kernel.pruned(table, clauses.length, size, bounds, sums, mask, keys, wanted, floor)
    } else if (useSort) {
      const { clauses: table, sums, keys, spare, histogram } = scratch
      count = kernel.exhaustiveMany(table, clauses.length, size, sums, mask, keys, spare, histogram, wanted)
    } else {
      const { clauses: table, sums, keys } = scratch
      count = kernel.exhaustive(table, clauses.length, size, sums, mask, keys, wanted, floor)
    }
    return this.#read(scratch.keys, count)
  }

  /** Whether bounds for all blocks cost less than scoring every posting. The constants were measured in bench/. */
  #prunes(clauses: readonly Clause[], k: number): boolean {
    const { size } = this.#segment
    if (size < 8192 || clauses.length > 24 || k * 8 > size) return false
    let postings = 0
    for (const { term } of clauses) postings += term.count
    return postings > size >> 2
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
      scratch.histogram ||= arena.allocate(2048 * 4)
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
