/** Writes a graph node by node: the generic part, which `GraphBuilder` dresses with a method per operator. @module */
import { RankineError } from "../core/errors.js"
import { type AttributeGiven, toAttribute } from "./attributes.js"
import { byteLength, type DataType, decodeIntegers, encodeNumbers } from "./data-type.js"
import {
  type Dimension,
  type ExternalData,
  emptyGraph,
  type Graph,
  type Initializer,
  type Model,
  modelOf,
  type Node,
  type Shape,
  type Value,
  visitNodes,
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

  /** Keeps names of a graph that is taken in; the two branches of an If may share one. */
  reserve(name: string): void {
    this.#taken.add(name)
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
  /** Numbers inside small integer values, as far as they are known. */
  readonly #sizes: Map<string, readonly Dimension[]>
  /** Every value written so far, those of the graphs around this one too. */
  readonly #values: Map<string, Value>

  constructor(name: string, parent?: Builder) {
    this.graph = emptyGraph(name)
    this.#names = parent ? parent.#names : new Names()
    this.#sizes = parent ? parent.#sizes : new Map()
    this.#values = parent ? new Map(parent.#values) : new Map()
  }

  /** The value of that name, if it was written. */
  find(name: string): Value | undefined {
    return this.#values.get(name)
  }

  /** The numbers in a small integer value as far as they are known: sizes by number or name. */
  sizesIn(value: Value): readonly Dimension[] | undefined {
    return this.#sizes.get(value.name)
  }

  /** A name that is not taken yet. */
  freshName(stem: string): string {
    return this.#names.fresh(stem)
  }

  /** An input of the graph. A size that is a string stands for any size, the same wherever the name appears. */
  input(name: string, type: DataType, shape: Shape): Value {
    const value = { name: this.#names.claim(name), type, shape }
    this.graph.inputs.push(value)
    this.#values.set(name, value)
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
    const small = dims.length <= 1 && data instanceof Uint8Array && data.length <= 8 * SMALL
    const integers = small ? decodeIntegers(type, data) : undefined
    if (integers && integers.length <= SMALL) this.#sizes.set(name, integers)
    const value = { name, type, shape: dims }
    this.#values.set(name, value)
    return value
  }

  /**
   * Takes in the inputs and constants of a graph made elsewhere, and keeps the names of its values: its nodes are added one by
   * one with `addNode`. Types and shapes that the graph names are used where no rule knows better.
   */
  adopt(graph: Graph): void {
    for (const name of graph.values.keys()) this.#names.reserve(name)
    visitNodes(graph, ({ name, outputs }) => {
      for (const taken of [name, ...outputs]) this.#names.reserve(taken)
    })
    for (const { name, type, shape } of graph.inputs) {
      const value = { name, ...(type ? { type } : {}), ...(shape ? { shape } : {}) }
      this.#names.reserve(name)
      this.graph.inputs.push(value)
      this.#values.set(name, value)
    }
    for (const initializer of graph.initializers) {
      const { name, type, dims, data } = initializer
      this.#names.reserve(name)
      this.#add(initializer, data instanceof Uint8Array ? data.length : byteLength(type, dims))
    }
  }

  /** Adds a node as it is, with inputs that were written before; `stated` is what its graph says of its outputs. */
  addNode(node: Node, stated: ReadonlyMap<string, Value> = new Map()): Value[] {
    const inputs = node.inputs.map((name) => (name === "" ? undefined : (this.#values.get(name) ?? { name })))
    const inferred = this.#infer(node.op, inputs, node.attributes, node.outputs.length)
    const values = node.outputs.map((name, index) => {
      const said = stated.get(name)
      const known = inferred[index]
      return this.#record(name, {
        type: known?.type ?? said?.type,
        shape: mergedShape(known?.shape, said?.shape),
        sizes: known?.sizes,
      })
    })
    this.graph.nodes.push(node)
    return values
  }

  #infer(
    op: string,
    inputs: readonly (Value | undefined)[],
    attributes: Node["attributes"],
    outputCount: number,
  ): readonly Known[] {
    const sizes = (input: number) => this.#sizes.get(inputs[input]?.name ?? "")
    const integers = (input: number) => {
      const found = sizes(input)
      return found?.every((size) => typeof size === "number") ? (found as readonly number[]) : undefined
    }
    return inferOutputs({ op, inputs, attributes, outputCount, integers, sizes })
  }

  #record(name: string, { type, shape, sizes }: Known): Value {
    const value = { name, ...(type ? { type } : {}), ...(shape ? { shape } : {}) }
    if (name === "") return value
    if (sizes && sizes.length <= SMALL) this.#sizes.set(name, sizes)
    this.graph.values.set(name, value)
    this.#values.set(name, value)
    return value
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
    const inferred = this.#infer(op, inputs, written, count)
    const values = names.map((output, index): Value => {
      const known = inferred[index]
      const given = results[index]
      return this.#record(output, {
        type: given?.type ?? known?.type,
        shape: given?.shape ?? known?.shape,
        sizes: given?.sizes ?? known?.sizes,
      })
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

/** What a rule found, completed by what the graph's maker wrote down. */
function mergedShape(inferred: Shape | undefined, stated: Shape | undefined): Shape | undefined {
  if (!inferred || !stated || inferred.length !== stated.length) return inferred ?? stated
  return inferred.map((size, axis) => size ?? stated[axis]!)
}
