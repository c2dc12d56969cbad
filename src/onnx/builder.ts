/** Writes a graph node by node: the generic part, which `GraphBuilder` dresses with a method per operator. @module */
import { RankineError } from "../core/errors.js"
import { type AttributeGiven, toAttribute } from "./attributes.js"
import { byteLength, type DataType, decodeIntegers, encodeNumbers } from "./data-type.js"
import {
  type ExternalData,
  emptyGraph,
  type Graph,
  type Initializer,
  type Model,
  modelOf,
  type Shape,
  type Value,
} from "./ir.js"
import { encodeModel } from "./protobuf.js"
import { inferOutputs, type Known } from "./shapes.js"

/** Numbers, nested as deep as the constant has axes. */
export type Nested = number | bigint | readonly Nested[]

export interface OpOptions {
  /** How many outputs, or what they are called. One by default. */
  readonly outputs?: number | readonly string[]
  /** The operator's domain: `com.microsoft` for ONNX Runtime's own; the standard's by default. */
  readonly domain?: string
  /** The node's name; made from the operator by default. */
  readonly name?: string
  /** Types and shapes of the outputs, where there is no rule for the operator or it cannot know. They win over the rule's. */
  readonly results?: readonly Known[]
}

/** The names taken in a graph and in the graphs inside it, which see its values. */
class Names {
  readonly #taken = new Set<string>()
  readonly #next = new Map<string, number>()

  claim(name: string): string {
    if (name === "" || this.#taken.has(name))
      throw new RankineError("argument", name === "" ? "a value needs a name" : `the graph has a value ${name} already`)
    this.#taken.add(name)
    return name
  }

  fresh(stem: string): string {
    for (;;) {
      const count = this.#next.get(stem) ?? 0
      this.#next.set(stem, count + 1)
      const name = `${stem}_${count}`
      if (!this.#taken.has(name)) return this.claim(name)
    }
  }
}

/** Constants of so many elements are written once, and their integers are known to the rules of shapes. */
const SMALL = 64

export class Builder {
  readonly graph: Graph
  readonly #names: Names
  readonly #constants = new Map<string, Value>()
  readonly #integers: Map<string, readonly number[]>

  constructor(name: string, parent?: Builder) {
    this.graph = emptyGraph(name)
    this.#names = parent ? parent.#names : new Names()
    this.#integers = parent ? parent.#integers : new Map()
  }

  /** An input of the graph. A size that is a string stands for any size, the same wherever the name appears. */
  input(name: string, type: DataType, shape: Shape): Value {
    const value = { name: this.#names.claim(name), type, shape }
    this.graph.inputs.push(value)
    return value
  }

  /**
   * A constant from numbers: a scalar, or nested lists with one level per axis. Numbers become float32 and bigints int64
   * unless a type is given. Equal small constants are one.
   */
  constant(numbers: Nested, type?: DataType): Value {
    const dims: number[] = []
    for (let inner = numbers; Array.isArray(inner); inner = inner[0]) dims.push(inner.length)
    const flat = flatten(numbers, dims)
    const chosen = type ?? (typeof flat[0] === "bigint" ? "int64" : "float32")
    const bytes = encodeNumbers(chosen, flat)
    if (flat.length > SMALL) return this.#constant(chosen, dims, bytes)
    const key = `${chosen} ${dims} ${bytes}`
    let known = this.#constants.get(key)
    if (!known) {
      known = this.#constant(chosen, dims, bytes)
      this.#constants.set(key, known)
    }
    return known
  }

  /** A constant from its bytes, little-endian and in row-major order. Throws `argument` when they do not fit the sizes. */
  initializer(name: string, type: DataType, dims: readonly number[], bytes: Uint8Array): Value {
    return this.#add({ name: this.#names.claim(name), type, dims, data: bytes }, bytes.length)
  }

  /** A constant whose bytes stay in a file, at any offset; `location` is relative to the session's folder of external data. */
  weight(name: string, { type, dims, ...data }: { type: DataType; dims: readonly number[] } & ExternalData): Value {
    return this.#add({ name: this.#names.claim(name), type, dims, data }, data.length)
  }

  #constant(type: DataType, dims: readonly number[], bytes: Uint8Array): Value {
    return this.#add({ name: this.#names.fresh("constant"), type, dims, data: bytes }, bytes.length)
  }

  #add(initializer: Initializer, length: number): Value {
    const { name, type, dims, data } = initializer
    const expected = byteLength(type, dims)
    if (length !== expected)
      throw new RankineError(
        "argument",
        `${name} has ${length} bytes, where [${dims.join(", ")}] of ${type} takes ${expected}`,
      )
    this.graph.initializers.push(initializer)
    const integers = dims.length <= 1 && data instanceof Uint8Array ? decodeIntegers(type, data) : undefined
    if (integers && integers.length <= SMALL) this.#integers.set(name, integers)
    return { name, type, shape: dims }
  }

  /**
   * Adds any operator. Attributes are given as plain values: a number is an integer unless it has a fraction or the name is
   * one that the standard keeps for floats (alpha, beta, epsilon, ...); `{ kind, value }` leaves nothing to guess.
   */
  op(
    op: string,
    inputs: readonly (Value | undefined)[],
    attributes?: Record<string, AttributeGiven>,
    options?: OpOptions & { readonly outputs?: never },
  ): Value
  op(
    op: string,
    inputs: readonly (Value | undefined)[],
    attributes: Record<string, AttributeGiven> | undefined,
    options: OpOptions & { readonly outputs: number | readonly string[] },
  ): Value[]
  op(
    op: string,
    inputs: readonly (Value | undefined)[],
    attributes: Record<string, AttributeGiven> = {},
    options: OpOptions = {},
  ): Value | Value[] {
    const { outputs = 1, domain = "", results = [] } = options
    const name = options.name === undefined ? this.#names.fresh(op) : options.name
    const count = typeof outputs === "number" ? outputs : outputs.length
    const names = Array.from({ length: count }, (_, index) =>
      typeof outputs === "number" ? this.#names.fresh(`${op}_out`) : this.#names.claim(outputs[index]!),
    )
    const written = Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, toAttribute(key, value)]))
    const inferred = inferOutputs({
      op,
      inputs,
      attributes: written,
      outputCount: count,
      integers: (input) => this.#integers.get(inputs[input]?.name ?? ""),
    })
    const values = names.map((output, index): Value => {
      const type = results[index]?.type ?? inferred[index]?.type
      const shape = results[index]?.shape ?? inferred[index]?.shape
      const value = { name: output, ...(type ? { type } : {}), ...(shape ? { shape } : {}) }
      this.graph.values.set(output, value)
      return value
    })
    const inputNames = inputs.map((input) => input?.name ?? "")
    // Inputs left out at the end are not written at all.
    while (inputNames.at(-1) === "") inputNames.pop()
    this.graph.nodes.push({ name, op, domain, inputs: inputNames, outputs: names, attributes: written })
    return options.outputs === undefined ? values[0]! : values
  }

  /** Makes a value an output of the graph, under this name. */
  output(value: Value, name: string): Value {
    const [renamed] = this.op("Identity", [value], {}, { outputs: [name] })
    this.graph.outputs.push(renamed!)
    this.graph.values.delete(name)
    return renamed!
  }

  /** The model as plain data. */
  build(metadata?: Readonly<Record<string, string>>): Model {
    if (this.graph.outputs.length === 0)
      throw new RankineError("argument", `the graph ${this.graph.name} has no output: name one with output()`)
    return modelOf(this.graph, metadata)
  }

  /** The model as the bytes of an ONNX file. */
  toModel(metadata?: Readonly<Record<string, string>>): Uint8Array {
    return encodeModel(this.build(metadata))
  }
}

/** The numbers in row-major order. Throws `argument` unless the lists of each level are as long as `dims` says. */
function flatten(numbers: Nested, [size, ...rest]: readonly number[]): (number | bigint)[] {
  const list = typeof numbers === "object" ? numbers : undefined
  if (list?.length !== size)
    throw new RankineError("argument", "the lists of a constant must be equally long on each level")
  return list ? list.flatMap((inner) => flatten(inner, rest)) : [numbers as number | bigint]
}
