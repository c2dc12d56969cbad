/** The sizes of tensors as values of the graph. @module */
import { factorsOf } from "../dimensions.js"
import type { GraphBuilder } from "../graph.js"
import type { Dimension, Shape, Value } from "../ir.js"

/**
 * Writes vectors of sizes, each once. Sizes with a name are read from the inputs of the graph: reading them from a tensor in the
 * middle would keep that tensor in memory until its sizes are read, in the backward pass.
 */
export class Sizes {
  readonly #graph: GraphBuilder
  /** Where a named size can be read. */
  readonly #origins = new Map<string, { value: Value; axis: number }>()
  readonly #known = new Map<string, Value>()

  constructor(graph: GraphBuilder) {
    this.#graph = graph
    for (const value of graph.graph.inputs)
      value.shape?.forEach((size, axis) => {
        if (typeof size === "string" && !this.#origins.has(size)) this.#origins.set(size, { value, axis })
      })
  }

  /** int64 [rank]: the sizes of a tensor. */
  of(value: Value): Value {
    const known = value.shape && this.vector(value.shape)
    return known ?? this.#graph.shape(value)
  }

  /** int64 [1]: one size of a tensor. */
  axis(value: Value, axis: number): Value {
    const size = value.shape?.[axis]
    const known = size === undefined || size === null ? undefined : this.#one(size)
    return known ?? this.#graph.shape(value, axis, axis + 1)
  }

  /** int64 [shape.length], where every size is known by number or from an input. */
  vector(shape: Shape): Value | undefined {
    if (shape.every((size) => typeof size === "number")) return this.#graph.constant(shape as number[], "int64")
    const key = shape.join(",")
    const found = this.#known.get(key)
    if (found) return found
    const parts: Value[] = []
    let numbers: number[] = []
    const flush = () => {
      if (numbers.length > 0) parts.push(this.#graph.constant(numbers, "int64"))
      numbers = []
    }
    for (const size of shape) {
      if (typeof size === "number") {
        numbers.push(size)
        continue
      }
      const part = size === null ? undefined : this.#one(size)
      if (!part) return undefined
      flush()
      parts.push(part)
    }
    flush()
    const made = parts.length === 1 ? parts[0]! : this.#graph.concat(parts, 0)
    this.#known.set(key, made)
    return made
  }

  /** `x` in the shape of `like`, which holds as many elements. */
  reshape(x: Value, like: Value): Value {
    if (like.shape && sameShape(x.shape, like.shape)) return x
    const open = like.shape?.filter((size) => typeof size !== "number").length
    // One unknown size follows from the others, unless they are 0.
    if (like.shape && open === 1 && !like.shape.includes(0)) {
      const target = like.shape.map((size) => (typeof size === "number" ? size : -1))
      return this.#graph.reshape(x, target, like.shape)
    }
    return this.#graph.reshape(x, this.of(like), like.shape)
  }

  /** `x` repeated along its axes of size 1 into the shape of `like`. */
  expand(x: Value, like: Value): Value {
    if (sameShape(x.shape, like.shape)) return x
    return this.#graph.expand(x, this.of(like))
  }

  /** Zeros in the shape and type of a tensor. */
  zeros(like: Value): Value {
    return this.#graph.expand(this.#graph.constant(0, like.type ?? "float32"), this.of(like))
  }

  #one(size: Exclude<Dimension, null>): Value | undefined {
    if (typeof size === "number") return this.#graph.constant([size], "int64")
    const key = `one ${size}`
    const found = this.#known.get(key)
    if (found) return found
    const made = this.#read(size)
    if (made) this.#known.set(key, made)
    return made
  }

  #read(size: string): Value | undefined {
    const origin = this.#origins.get(size)
    if (origin) return this.#graph.shape(origin.value, origin.axis, origin.axis + 1)
    const [count, names] = factorsOf(size)
    if (names.length + (count === 1 ? 0 : 1) < 2) return undefined
    const factors = [...(count === 1 ? [] : [count]), ...names].map((factor) => this.#one(factor))
    if (factors.some((factor) => factor === undefined)) return undefined
    return (factors as Value[]).reduce((product, factor) => this.#graph.mul(product, factor))
  }
}

/** Both are known and the same, named sizes by their names. */
export function sameShape(a: Shape | undefined, b: Shape | undefined): boolean {
  return a !== undefined && a.length === b?.length && a.every((size, axis) => size !== null && size === b[axis])
}
