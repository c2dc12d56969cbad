/** Filters on metadata as bits over the rows of an index. @module */
import type { Document } from "../../src/core/document.js"
import { compileFilter, type Filter } from "../../src/core/filter.js"
import type { RowBits } from "./row-bits.js"
import type { VectorIndex } from "./vector-index.js"

/** Evaluates each filter once per document and state of the index. */
export class FilterCache {
  #generation = -1
  readonly #byExpression = new Map<string, RowBits>()
  #byFunction = new WeakMap<object, RowBits>()

  /** The rows that the filter hides. */
  hidden(filter: Filter, index: VectorIndex, metadata: (id: string) => Document["metadata"]): RowBits {
    if (index.generation !== this.#generation) {
      this.#generation = index.generation
      this.#byExpression.clear()
      this.#byFunction = new WeakMap()
    }
    const key = typeof filter === "function" ? undefined : JSON.stringify(filter)
    const known = key === undefined ? this.#byFunction.get(filter) : this.#byExpression.get(key)
    if (known) return known
    const accepts = compileFilter(filter)
    const bits = index.rowsWhere((id) => {
      const fields = metadata(id)
      return accepts(fields === undefined ? { id } : { id, metadata: fields })
    })
    if (key === undefined) this.#byFunction.set(filter, bits)
    else this.#byExpression.set(key, bits)
    return bits
  }
}
