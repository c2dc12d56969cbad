import { compileFilter, type Filter, type FilterPredicate } from "./filter.js"

/** Expressions that are remembered at a time; a server sees new ones without end. */
const REMEMBERED = 64

/** What follows from a filter, worked out once for each filter and state of an index. An index changes its `generation` with its content. */
export class FilterCache<Value> {
  #generation = -1
  readonly #byExpression = new Map<string, Value>()
  #byFunction = new WeakMap<object, Value>()

  /** What `compute` makes of the filter's predicate. */
  get(filter: Filter, generation: number, compute: (accepts: FilterPredicate) => Value): Value {
    if (generation !== this.#generation) {
      this.#generation = generation
      this.#byExpression.clear()
      this.#byFunction = new WeakMap()
    }
    const key = typeof filter === "function" ? undefined : JSON.stringify(filter)
    const known = key === undefined ? this.#byFunction.get(filter) : this.#byExpression.get(key)
    if (known !== undefined) return known
    const value = compute(compileFilter(filter))
    if (key === undefined) this.#byFunction.set(filter, value)
    else {
      this.#byExpression.set(key, value)
      if (this.#byExpression.size > REMEMBERED) this.#byExpression.delete(this.#byExpression.keys().next().value!)
    }
    return value
  }
}
