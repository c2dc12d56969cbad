import type { GraphBuilder } from "../graph.js"
import type { Value } from "../ir.js"
import type { Part } from "./rule.js"

/** The gradients found so far, by the name of their value. A value that is read twice receives the sum. */
export class Accumulator {
  readonly #graph: GraphBuilder
  /** Gradients that are zero outside of a part, by their names. */
  readonly #parts: ReadonlyMap<string, Part>
  readonly #found = new Map<string, Value[]>()

  constructor(graph: GraphBuilder, parts: ReadonlyMap<string, Part>) {
    this.#graph = graph
    this.#parts = parts
  }

  has(name: string): boolean {
    return this.#found.has(name)
  }

  add(name: string, gradient: Value): void {
    const found = this.#found.get(name)
    if (found) found.push(gradient)
    else this.#found.set(name, [gradient])
  }

  get(name: string): Value | undefined {
    const found = this.#found.get(name)
    if (!found) return undefined
    const total = this.#joined(found) ?? found.reduce((sum, gradient) => this.#graph.add(sum, gradient))
    this.#found.set(name, [total])
    return total
  }

  /** Parts that lie side by side, as queries, keys and values of one product do: joined, no zeros are added. */
  #joined(found: readonly Value[]): Value | undefined {
    const parts = found.map(({ name }) => this.#parts.get(name))
    if (parts.length < 2 || !parts.every((part) => part !== undefined)) return undefined
    const sorted = [...parts].sort((a, b) => a.before - b.before)
    const [first, last] = [sorted[0]!, sorted.at(-1)!]
    const { axis, size } = first
    const fits = sorted.every((part, index) => {
      const next = sorted[index + 1]
      return part.axis === axis && (!next || next.before === part.size - part.after)
    })
    if (!fits) return undefined
    const joined = this.#graph.concat(
      sorted.map(({ value }) => value),
      axis,
    )
    if (first.before === 0 && last.after === 0) return joined
    const pads = this.#graph.constant([first.before, last.after], "int64")
    const axes = this.#graph.constant([axis], "int64")
    const shape = joined.shape?.map((each, at) => (at === axis ? size : each))
    return this.#graph.op("Pad", [joined, pads, undefined, axes], {}, { results: [{ shape }] })
  }
}
