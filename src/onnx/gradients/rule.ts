/** What a gradient rule is: given the gradient of an operator's outputs, it writes that of its inputs. @module */
import { RankineError } from "../../core/errors.js"
import type { GraphBuilder } from "../graph.js"
import type { Attribute, Node, Value } from "../ir.js"
import type { Sizes } from "./sizes.js"

/** A gradient that is zero but for a part along one axis. */
export interface Part {
  readonly value: Value
  readonly axis: number
  /** How many zeros stand before and after the part, and how many elements there are with them. */
  readonly before: number
  readonly after: number
  readonly size: number
}

/** One node to differentiate, in a graph under construction. */
export interface Step {
  readonly graph: GraphBuilder
  readonly node: Node
  readonly inputs: readonly (Value | undefined)[]
  readonly outputs: readonly Value[]
  /** The gradient of each output; undefined where nothing depends on it. */
  readonly upstream: readonly (Value | undefined)[]
  /** Writes the sizes of tensors. */
  readonly sizes: Sizes
  /** By the name of a gradient: the sums, along its last axis, of it times what it is the gradient of, where they come cheaper. */
  readonly rowTotals: Map<string, () => Value>
  /** By the name of a gradient: the part that is not zero. */
  readonly parts: Map<string, Part>
  /** Whether the gradient of that input is asked for: rules write nothing else. */
  needs(input: number): boolean
}

/**
 * The gradient of each input, in its shape; undefined for inputs that need none. Rules are called only when at least one output
 * has a gradient and at least one input needs one.
 */
export type GradientRule = (step: Step) => readonly (Value | undefined)[]

/** An operator's rule, and what else must be known of it. */
export interface Differentiable {
  readonly rule: GradientRule
  /** Inputs that a gradient can flow to; all by default. Indices, shapes and axes have none. */
  readonly inputs?: (input: number) => boolean
  /** Outputs that a gradient can come from; all by default. */
  readonly outputs?: (output: number) => boolean
  /** Outputs of the operator that the rule reads, added to the node where it leaves them out. */
  readonly extraOutputs?: number
}

export type RuleTable = Readonly<Record<string, Differentiable>>

/** The input, which the operator cannot do without. */
export function input(step: Step, index: number): Value {
  const value = step.inputs[index]
  if (!value)
    throw new RankineError(
      "data",
      `node ${step.node.name} (${step.node.op}) lacks its input ${index}: export the model again`,
    )
  return value
}

/** The gradient of the only output. */
export function incoming({ upstream, node }: Step): Value {
  const value = upstream[0]
  if (!value) throw new RankineError("internal", `node ${node.name} (${node.op}) was differentiated without a gradient`)
  return value
}

/** The number of axes. Throws `model` where it is not known. */
export function rankOf({ node }: Pick<Step, "node">, value: Value): number {
  if (value.shape) return value.shape.length
  throw new RankineError(
    "model",
    `the gradient of ${node.op} (node ${node.name}) needs the number of axes of ${value.name}, which is not known: export the model with the shapes of its values (shape inference)`,
  )
}

export function intOf(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes[name]
  return attribute?.kind === "int" ? Number(attribute.value) : fallback
}

export function floatOf(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes[name]
  return attribute?.kind === "float" || attribute?.kind === "int" ? Number(attribute.value) : fallback
}

export function intsOf(node: Node, name: string): number[] | undefined {
  const attribute: Attribute | undefined = node.attributes[name]
  return attribute?.kind === "ints" ? attribute.value.map(Number) : undefined
}

export function stringOf(node: Node, name: string, fallback: string): string {
  const attribute = node.attributes[name]
  return attribute?.kind === "string" && typeof attribute.value === "string" ? attribute.value : fallback
}

/** Puts an axis into 0..rank-1. */
export function positive(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis
}

/** The numbers of an integer input that is known when the graph is written. */
export function constantIntegers({ graph }: Pick<Step, "graph">, value: Value | undefined): number[] | undefined {
  const sizes = value && graph.sizesIn(value)
  return sizes?.every((size) => typeof size === "number") ? [...(sizes as readonly number[])] : undefined
}

/** The number that a constant of one float element holds. */
export function constantNumber(graph: GraphBuilder, value: Value): number | undefined {
  if (value.type !== "float32" || value.shape?.length !== 0) return undefined
  const data = graph.graph.initializers.find(({ name }) => name === value.name)?.data
  return data instanceof Uint8Array ? new DataView(data.buffer, data.byteOffset).getFloat32(0, true) : undefined
}
