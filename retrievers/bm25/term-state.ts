/** What an index knows of one query term: its statistics, and its impacts in each segment. @module */
import { BLOCK_SHIFT } from "./kernel.js"
import { impact, inverseDocumentFrequency, type ScoringParameters } from "./scoring.js"
import type { Segment } from "./segment.js"
import type { FieldStatistics } from "./statistics.js"

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

  /** The impacts for a weight, computed when they are first asked for. */
  impacts(weight: number, parameters: ScoringParameters, factors: Float32Array | Float64Array): Impacts {
    const known = weight === this.#lastWeight ? this.#last : this.#impacts.get(weight)
    if (known && known.epoch === this.segment.epoch) return known
    const { segment, field, term, count } = this
    const address = segment.arena.allocate(count * 4)
    const values = segment.arena.f32.subarray(address / 4, address / 4 + count)
    const postings = segment.postings(field, term)
    let largest = 0
    for (let i = 0; i < count; i++) {
      const posting = postings[i]!
      let tf = posting & 255
      if (tf === 255) tf = segment.frequency(field, term, posting)
      const value = impact(parameters, weight, tf, factors[posting >>> 8]!)
      values[i] = value
      if (value > largest) largest = value
    }
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
    const postings = segment.postings(this.field, this.term)
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

/** One term in one field over all segments, for one state of the index. */
export interface FieldTerm {
  readonly documentFrequency: number
  readonly idf: number
  /** One entry per segment. */
  readonly segments: readonly (SegmentTerm | undefined)[]
}

/** A term as queries see it. `mark` and `count` are scratch space: they count the term within the query being read. */
export class TermState {
  mark = 0
  count = 0
  #generation = -1
  #fields: (FieldTerm | undefined)[] = []

  constructor(readonly text: string) {}

  /** The term in each field; undefined where no living document holds it. */
  fields(
    generation: number,
    segments: readonly Segment[],
    statistics: readonly FieldStatistics[],
    parameters: ScoringParameters,
  ): readonly (FieldTerm | undefined)[] {
    if (this.#generation !== generation) {
      this.#fields = statistics.map((field, index) => lookUp(this.text, index, segments, field, parameters))
      this.#generation = generation
    }
    return this.#fields
  }
}

function lookUp(
  text: string,
  field: number,
  segments: readonly Segment[],
  statistics: FieldStatistics,
  parameters: ScoringParameters,
): FieldTerm | undefined {
  let documentFrequency = 0
  const places = segments.map((segment) => {
    const postings = segment.fields[field]!
    const term = postings.terms.find(text)
    if (term < 0) return undefined
    documentFrequency += segment.documentFrequency(field, term)
    return new SegmentTerm(segment, field, term, postings.starts[term + 1]! - postings.starts[term]!)
  })
  if (documentFrequency === 0) return undefined
  const idf = inverseDocumentFrequency(parameters.variant, statistics.documents, documentFrequency)
  return { documentFrequency, idf, segments: places }
}
