/** Which documents a search must not return, as bits. @module */

import { RankineError } from "../../src/core/errors.js"
import type { Filter } from "../../src/core/filter.js"
import { FilterCache } from "../../src/core/filter-cache.js"
import type { Segment } from "./segment.js"

/** Documents that a search passes over: one bit for each, and how many there are at most. */
export interface Hidden {
  readonly bits: Uint8Array
  readonly count: number
}

export class HiddenDocuments {
  readonly #filters = new FilterCache<readonly Hidden[]>()
  #scratch = new Uint8Array(0)

  /** The bits of a filter for each segment. Evaluated once per document for each filter and state of the index. */
  ofFilter(filter: Filter, segments: readonly Segment[], generation: number): readonly Hidden[] {
    return this.#filters.get(filter, generation, (accepts) =>
      segments.map((segment): Hidden => {
        if (!segment.documents)
          throw new RankineError(
            "argument",
            "a filter reads metadata, and this index does not store documents: build it with storeDocuments",
          )
        const bits = Uint8Array.from(segment.deleted)
        let count = segment.deletedCount
        for (let document = 0; document < segment.size; document++) {
          if (segment.isDeleted(document)) continue
          const metadata = segment.documents.metadata(document)
          const id = segment.ids.get(document)
          if (accepts(metadata === undefined ? { id } : { id, metadata })) continue
          bits[document >> 3]! |= 1 << (document & 7)
          count++
        }
        return { bits, count }
      }),
    )
  }

  /** What one search must pass over: deleted, filtered and excluded together; undefined where nothing is hidden. */
  of(segment: Segment, filtered: Hidden | undefined, excludedIds: readonly string[] | undefined): Hidden | undefined {
    const deleted = segment.deletedCount > 0 ? { bits: segment.deleted, count: segment.deletedCount } : undefined
    const base = filtered ?? deleted
    if (!excludedIds || excludedIds.length === 0) return base
    const bytes = Math.ceil(segment.size / 8)
    if (this.#scratch.length < bytes) this.#scratch = new Uint8Array(bytes)
    const bits = this.#scratch.subarray(0, bytes)
    if (base) bits.set(base.bits)
    else bits.fill(0)
    let count = base?.count ?? 0
    for (const id of excludedIds) {
      const document = segment.ids.find(id)
      if (document < 0) continue
      count++
      bits[document >> 3]! |= 1 << (document & 7)
    }
    return count > 0 ? { bits, count } : undefined
  }
}
