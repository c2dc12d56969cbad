/** Which documents a search must not return, as bits. @module */

import { RankineError } from "../../src/core/errors.js"
import { compileFilter, type Filter } from "../../src/core/filter.js"
import type { Segment } from "./segment.js"

export class HiddenDocuments {
  /** Bits per filter, for the state of the index they were computed in. */
  #generation = -1
  readonly #byExpression = new Map<string, readonly Uint8Array[]>()
  #byFunction = new WeakMap<object, readonly Uint8Array[]>()
  #scratch = new Uint8Array(0)

  /** The bits of a filter for each segment. Evaluated once per document for each filter and state of the index. */
  ofFilter(filter: Filter, segments: readonly Segment[], generation: number): readonly Uint8Array[] {
    if (generation !== this.#generation) {
      this.#generation = generation
      this.#byExpression.clear()
      this.#byFunction = new WeakMap()
    }
    const key = typeof filter === "function" ? undefined : JSON.stringify(filter)
    const known = key === undefined ? this.#byFunction.get(filter) : this.#byExpression.get(key)
    if (known) return known
    const accepts = compileFilter(filter)
    const bits = segments.map((segment) => {
      if (!segment.documents)
        throw new RankineError(
          "argument",
          "a filter reads metadata, and this index does not store documents: build it with storeDocuments",
        )
      const hidden = Uint8Array.from(segment.deleted)
      for (let document = 0; document < segment.size; document++) {
        if (segment.isDeleted(document)) continue
        const metadata = segment.documents.metadata(document)
        const id = segment.ids.get(document)
        if (!accepts(metadata === undefined ? { id } : { id, metadata })) hidden[document >> 3]! |= 1 << (document & 7)
      }
      return hidden
    })
    if (key === undefined) this.#byFunction.set(filter, bits)
    else this.#byExpression.set(key, bits)
    return bits
  }

  /** The bits for one search: deleted, filtered and excluded together; undefined where nothing is hidden. */
  of(
    segment: Segment,
    filtered: Uint8Array | undefined,
    excludedIds: readonly string[] | undefined,
  ): Uint8Array | undefined {
    const base = filtered ?? (segment.deletedCount > 0 ? segment.deleted : undefined)
    if (!excludedIds || excludedIds.length === 0) return base
    const bytes = Math.ceil(segment.size / 8)
    if (this.#scratch.length < bytes) this.#scratch = new Uint8Array(bytes)
    const bits = this.#scratch.subarray(0, bytes)
    if (base) bits.set(base)
    else bits.fill(0)
    let any = base !== undefined
    for (const id of excludedIds) {
      const document = segment.ids.find(id)
      if (document < 0) continue
      any = true
      bits[document >> 3]! |= 1 << (document & 7)
    }
    return any ? bits : undefined
  }
}
