/**
 * A graph as plain data: nodes that name the values they read and write, in an order in which every value is written before
 * it is read. Passes rewrite it; protobuf is only at the edge (`protobuf.ts`).
 * @module
 */
import type { DataType } from "./data-type.js"

/** A size: a number, a name that stands for any size (the same wherever it appears), or null where nothing is known. */
export type Dimension = number | string | null

export type Shape = readonly Dimension[]

/** A tensor that flows through a graph. Type and shape are absent where they are not known. */
export interface Value {
  readonly name: string
  readonly type?: DataType
  readonly shape?: Shape
}

/** Where the bytes of a weight lie: in a file named relative to the model's folder, at any offset. */
export interface ExternalData {
  readonly location: string
  readonly offset: number
  readonly length: number
}

/** A constant tensor. Bytes are little-endian, in row-major order; strings are a list. */
export interface Initializer {
  readonly name: string
  readonly type: DataType
  readonly dims: readonly number[]
  readonly data: Uint8Array | ExternalData | readonly string[]
}

/** Integers beyond 2^53 are bigints; strings that are no UTF-8 are bytes. */
export type Attribute =
  | { readonly kind: "int"; readonly value: number | bigint }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "string"; readonly value: string | Uint8Array }
  | { readonly kind: "tensor"; readonly value: Initializer }
  | { readonly kind: "graph"; readonly value: Graph }
  | { readonly kind: "ints"; readonly value: readonly (number | bigint)[] }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "strings"; readonly value: readonly (string | Uint8Array)[] }
  | { readonly kind: "graphs"; readonly value: readonly Graph[] }

/** One operation. An empty input name is an optional input left out; an empty output name an output that nobody reads. */
export interface Node {
  readonly name: string
  readonly op: string
  /** Empty for the standard's own operators. */
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, Attribute>>
}

export interface Graph {
  name: string
  inputs: Value[]
  outputs: Value[]
  nodes: Node[]
  initializers: Initializer[]
  /** What is known of the values in between, by name. */
  values: Map<string, Value>
}

/** A graph with the versions of the operator sets that it is written in. */
export interface Model {
  readonly graph: Graph
  readonly irVersion: number
  /** Version of each domain. */
  readonly opsets: Readonly<Record<string, number>>
  readonly producer: string
  readonly metadata: Readonly<Record<string, string>>
}

/** The opset and format version that graphs are written in. */
export const OPSET = 21
export const IR_VERSION = 10

export function emptyGraph(name: string): Graph {
  return { name, inputs: [], outputs: [], nodes: [], initializers: [], values: new Map() }
}

/** A model around a graph of our own, with the newest version of every domain that its nodes use. */
export function modelOf(graph: Graph, metadata: Readonly<Record<string, string>> = {}): Model {
  const opsets: Record<string, number> = { "": OPSET }
  visitNodes(graph, ({ domain }) => {
    if (domain !== "") opsets[domain] = 1
  })
  return { graph, irVersion: IR_VERSION, opsets, producer: "rankine", metadata }
}

/** Calls `visit` with every node, those of graphs inside attributes too. */
export function visitNodes(graph: Graph, visit: (node: Node) => void): void {
  for (const node of graph.nodes) {
    visit(node)
    for (const attribute of Object.values(node.attributes)) {
      if (attribute.kind === "graph") visitNodes(attribute.value, visit)
      if (attribute.kind === "graphs") for (const inner of attribute.value) visitNodes(inner, visit)
    }
  }
}
