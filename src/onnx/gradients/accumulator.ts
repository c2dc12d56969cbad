import type { GraphBuilder } from "../graph.js"
import type { Value } from "../ir.js"

/** The gradients found so far, by the name of their value. A value that is read twice receives the sum. */
export class Accumulator {
  readonly #graph: GraphBuilder
  readonly #totals = new Map<string, Value>()

  constructor(graph: GraphBuilder) {
    this.#graph = graph
  }

  has(name: string): boolean {
    return this.#totals.has(name)
  }

  get(name: string): Value | undefined {
    return this.#totals.get(name)
  }

  /** Added as it comes, so that no more than one sum is in memory. */
  add(name: string, gradient: Value): void {
    const before = this.#totals.get(name)
    this.#totals.set(name, before ? this.#graph.add(before, gradient) : gradient)
  }
}
