/** One term of one segment as searches see it: its impacts, and the rows that pruning needs. @module */
import { BLOCK_SHIFT } from "./kernel.js"
import type { Segment } from "./segment.js"

/** Turns the postings of one segment into impacts, the scores that they add. */
export interface Scorer {
  /** Writes the impact of each posting of a term at a weight, none below 0, into `values`; returns the largest. */
  fill(term: SegmentTerm, weight: number, values: Float32Array): number
}

/** Steps in which the distribution of a term's impacts is remembered. */
const STEPS = 128

/** A term's impacts in one segment for one weight, and the rows that pruning needs. Addresses are bytes in the segment's arena. */
interface Impacts {
  readonly epoch: number
  readonly address: number
  readonly largest: number
  /** How many impacts are at least i / STEPS of the largest; made when first asked for. */
  atLeast: Uint32Array | undefined
  /** 0 for a term too rare to have a row. */
  row: number
  places: number
}

/** One term in one field of one segment. */
export class SegmentTerm {
  /** By weight: a term that stands three times in a query has other float32 impacts than three times those of one. */
  readonly #impacts = new Map<number, Impacts>()
  #lastWeight = Number.NaN
  #last: Impacts | undefined

  constructor(
    readonly segment: Segment,
    readonly field: number,
    readonly term: number,
    readonly count: number,
  ) {}

  get address(): number {
    const { address, starts } = this.segment.fields[this.field]!
    return address + 4 * starts[this.term]!
  }

  /** The postings as a view; valid until the arena grows. */
  get postings(): Uint32Array {
    return this.segment.postings(this.field, this.term)
  }

  /** The impacts for a weight, computed when they are first asked for. */
  impacts(weight: number, scorer: Scorer): Impacts {
    const known = weight === this.#lastWeight ? this.#last : this.#impacts.get(weight)
    if (known && known.epoch === this.segment.epoch) return known
    const { segment, count } = this
    const address = segment.arena.allocate(count * 4)
    const values = segment.arena.f32.subarray(address / 4, address / 4 + count)
    const largest = scorer.fill(this, weight, values)
    const impacts = { epoch: segment.epoch, address, largest, atLeast: undefined, row: 0, places: 0 }
    this.#impacts.set(weight, impacts)
    this.#lastWeight = weight
    this.#last = impacts
    return impacts
  }

  /**
   * A score that at least `k` documents reach by this term alone, so that no document below it can be among the k best;
   * 0 for a term that fewer documents hold.
   */
  reachedBy(k: number, impacts: Impacts): number {
    const { count, segment } = this
    if (count < k || impacts.largest <= 0) return 0
    let atLeast = impacts.atLeast
    if (!atLeast) {
      impacts.atLeast = atLeast = new Uint32Array(STEPS + 1)
      const first = impacts.address >> 2
      const { f32 } = segment.arena
      const scale = STEPS / impacts.largest
      for (let i = 0; i < count; i++) atLeast[Math.floor(f32[first + i]! * scale)]!++
      for (let step = STEPS; step > 0; step--) atLeast[step - 1]! += atLeast[step]!
    }
    let step = STEPS
    while (atLeast[step]! < k) step--
    // A hair lower, for the rounding of the scale.
    return (step / STEPS) * impacts.largest * (1 - 1e-6)
  }

  /** Gives the impacts their row of block maxima, unless the term is too rare for one to pay. */
  addRow(impacts: Impacts): void {
    const { segment, count } = this
    if (impacts.row !== 0 || count < segment.size >> 6 || impacts.largest <= 0) return
    const blocks = ((segment.size >> BLOCK_SHIFT) + 16) & ~15
    const row = segment.arena.allocate(blocks)
    const places = segment.arena.allocate(blocks * 2)
    const { u8, u32, f32 } = segment.arena
    const { postings } = this
    const firstValue = impacts.address >> 2
    const scale = 255 / impacts.largest
    let i = 0
    let group = 0
    for (let block = 0; block < blocks; block++) {
      const place = places + (block >> 2) * 8
      if (block % 4 === 0) u32[place >> 2] = group = i
      u8[place + 4 + (block % 4)] = i - group
      let largest = 0
      for (; i < count && postings[i]! >>> (8 + BLOCK_SHIFT) === block; i++)
        largest = Math.max(largest, f32[firstValue + i]!)
      u8[row + block] = Math.min(255, Math.ceil(largest * scale))
    }
    impacts.row = row
    impacts.places = places
  }
}

/** A term in one field of each segment; undefined where none holds it. */
export function findTerm(
  text: string,
  field: number,
  segments: readonly Segment[],
): readonly (SegmentTerm | undefined)[] | undefined {
  let found = false
  const places = segments.map((segment) => {
    const { terms, starts } = segment.fields[field]!
    const term = terms.find(text)
    if (term < 0) return undefined
    found = true
    return new SegmentTerm(segment, field, term, starts[term + 1]! - starts[term]!)
  })
  return found ? places : undefined
}
