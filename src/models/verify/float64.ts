/**
 * Graphs in double precision: what is left of a difference to a reference is then no rounding of float32, which some models magnify more
 * than a tolerance allows. For the CPU, whose standard operators have such kernels.
 * @module
 */
import { toAttribute } from "../../onnx/attributes.js"
import { bytesOf } from "../../onnx/data-type.js"
import type { Attribute, Graph, Initializer, Node, Value } from "../../onnx/ir.js"
import { quadrature } from "./quadrature.js"
import { castNode, DOUBLE, FLOAT, made, Steps } from "./steps.js"
import { inTorchsOrder } from "./torch-order.js"

/** Which parts of a model are computed in float32 in a model of any type, as in transformers. */
export interface KeptInFloat32 {
  readonly softmax: boolean
  /** Root mean square norms: `whole` for all of the norm, `scale` for the factor that the vectors are multiplied with. */
  readonly norms: "whole" | "scale" | "no"
  /** The learned factors of such norms too. */
  readonly normFactors: boolean
}

/** Bytes of a weight that is not widened beforehand. */
const LARGE = 65_536

/** What is added to the name of a float32 input or output that holds what its partner cannot. */
export const REST = " rest"

/**
 * A forward graph with its arithmetic in float64; inputs and outputs stay float32, and weights stay where they are. To be differentiated,
 * and then given to `withFloat64Kernels`.
 *
 * The parts in `kept` are computed in float32 all the same, as are angles of rotary positions, their cosines and sines: that is what the
 * published implementations do in a model of any type, so that it is part of what a reference says.
 * @param isSplit inputs that are given as the sum of two float32 numbers, the second under the name with `REST` after it
 */
export function toFloat64(graph: Graph, kept: KeptInFloat32, isSplit: (input: string) => boolean): Graph {
  const names = new Map<string, string>()
  const nodes: Node[] = []
  const initializers: Initializer[] = []
  const values = new Map<string, Value>()
  const inputs = [...graph.inputs]
  for (const input of graph.inputs) {
    const { name, type } = input
    if (type !== "float32") continue
    const wide = `${name} in float64`
    names.set(name, wide)
    if (!isSplit(name)) nodes.push(castNode(name, wide, DOUBLE))
    else {
      const rest = { ...input, name: name + REST }
      inputs.push(rest)
      nodes.push(castNode(name, `${name} upper`, DOUBLE), castNode(rest.name, `${name} lower`, DOUBLE))
      nodes.push(made("Add", [`${name} upper`, `${name} lower`], wide))
    }
  }
  for (const { name, type } of graph.outputs) if (type === "float32") names.set(name, `${name} in float64`)
  for (const initializer of graph.initializers) {
    const { name, type, data } = initializer
    if (type !== "float32") initializers.push(initializer)
    else if (data instanceof Uint8Array && data.length < LARGE)
      initializers.push({ ...initializer, type: "float64", data: bytesOf(doublesOf(data)) })
    else {
      // Floats stay as they are, in their file where they have one, and are widened in every run: wide ones would take twice the memory.
      initializers.push({ ...initializer, name: `${name} in float32` })
      nodes.push(castNode(`${name} in float32`, name, DOUBLE))
    }
  }
  const constants = new Map<string, Initializer>()
  const factors = new Set<string>()
  const norms = kept.norms === "no" ? new Map<Node, Norm>() : rootMeanSquares(graph)
  const renamed = (name: string) => names.get(name) ?? name
  for (const node of graph.nodes) {
    const moved = { ...node, inputs: node.inputs.map(renamed), outputs: node.outputs.map(renamed) }
    const norm = norms.get(node)
    const steps = new Steps(moved.outputs[0]!, constants)
    if (norm) {
      nodes.push(...normNodes(steps, norm, kept.norms))
      if (kept.normFactors) factors.add(node.outputs[0]!)
    } else if (node.op === "Mul" && factors.has(node.inputs[0]!)) {
      const [standard, factor] = moved.inputs.map((name) => steps.op("Cast", [name], { to: FLOAT })) as [string, string]
      nodes.push(...steps.end("Cast", [steps.op("Mul", [standard, factor])], { to: DOUBLE }))
    } else if (node.op === "Softmax" && kept.softmax) {
      const narrow = steps.op("Cast", [moved.inputs[0]!], { to: FLOAT })
      nodes.push(...steps.end("Cast", [steps.op("Softmax", [narrow], { axis: -1 })], { to: DOUBLE }))
    } else if (node.op === "Cos" || node.op === "Sin") {
      const narrow = steps.op("Cast", [moved.inputs[0]!], { to: FLOAT })
      const angle = steps.op("Cast", [narrow], { to: DOUBLE })
      const rounded = steps.op("Cast", [steps.op(node.op, [angle])], { to: FLOAT })
      nodes.push(...steps.end("Cast", [rounded], { to: DOUBLE }))
    } else if (node.op === "Cast" && isInt(node.attributes.to, FLOAT))
      nodes.push({ ...moved, attributes: { to: toAttribute("to", DOUBLE) } })
    else nodes.push(moved)
  }
  for (const { name, type } of graph.outputs) if (type === "float32") nodes.push(castNode(renamed(name), name, FLOAT))
  for (const [name, value] of graph.values)
    values.set(renamed(name), value.type === "float32" ? { ...value, name: renamed(name), type: "float64" } : value)
  return { ...graph, inputs, nodes, initializers: [...initializers, ...constants.values()], values }
}

/** The vectors that are normed, and what is added to the mean of their squares. */
interface Norm {
  readonly x: string
  readonly epsilon: number
}

/** The nodes that divide by the root of a mean of squares. */
function rootMeanSquares(graph: Graph): Map<Node, Norm> {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  const numbers = new Map(graph.initializers.map(({ name, data }) => [name, data]))
  const found = new Map<Node, Norm>()
  for (const node of graph.nodes) {
    if (node.op !== "Div") continue
    const [x, root] = node.inputs
    const sum = makers.get(makers.get(root ?? "")?.inputs[0] ?? "")
    const square = makers.get(makers.get(sum?.inputs[0] ?? "")?.inputs[0] ?? "")
    const epsilon = numbers.get(sum?.inputs[1] ?? "")
    if (square?.op !== "Mul" || square.inputs.some((input) => input !== x) || !(epsilon instanceof Uint8Array)) continue
    found.set(node, { x: x!, epsilon: doublesOf(epsilon)[0]! })
  }
  return found
}

function normNodes(steps: Steps, { x, epsilon }: Norm, form: KeptInFloat32["norms"]): readonly Node[] {
  const narrow = steps.op("Cast", [x], { to: FLOAT })
  // Apart, so that both parts of the square's gradient are added before the rest.
  const apart = steps.op("Identity", [narrow])
  const squares = steps.op("Mul", [apart, apart])
  const mean = steps.op("ReduceMean", [squares, steps.integers([-1])], { keepdims: 1 })
  const sum = steps.op("Add", [mean, steps.constant([epsilon], [], "float32")])
  const factor = steps.op("Reciprocal", [steps.op("Sqrt", [sum])])
  if (form === "scale") return steps.end("Mul", [x, steps.op("Cast", [factor], { to: DOUBLE })])
  return steps.end("Cast", [steps.op("Mul", [narrow, factor])], { to: DOUBLE })
}

/** For outputs that are float64 numbers cast to float32 further ones, with what the cast took away. */
function restOutputs(graph: Graph, types: ReadonlyMap<string, Value>): { nodes: Node[]; outputs: Value[] } {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  const nodes: Node[] = []
  const outputs: Value[] = []
  for (const { name } of graph.outputs) {
    let maker = makers.get(name)
    while (maker?.op === "Identity" || maker?.op === "Reshape") maker = makers.get(maker.inputs[0]!)
    const [source = ""] = maker?.op === "Cast" ? maker.inputs : []
    if (types.get(source)?.type !== "float64") continue
    nodes.push(castNode(maker!.outputs[0]!, `${name} upper`, DOUBLE))
    nodes.push(made("Sub", [source, `${name} upper`], `${name} lower`))
    nodes.push(castNode(`${name} lower`, name + REST, FLOAT))
    outputs.push({ name: name + REST, type: "float32" })
  }
  return { nodes, outputs }
}

function isInt(attribute: Attribute | undefined, value: number): boolean {
  return attribute?.kind === "int" && Number(attribute.value) === value
}

/**
 * The graph with what ONNX Runtime computes in float32 only put together from what it computes in float64: to be called when the graph is
 * differentiated and ready to run. `sizes` are those of named axes.
 */
export function withFloat64Kernels(graph: Graph, sizes: Readonly<Record<string, number>> = {}): Graph {
  const types = new Map<string, Value>([...graph.values, ...graph.inputs.map((value) => [value.name, value] as const)])
  for (const { name, type } of graph.initializers) types.set(name, { name, type })
  const constants = new Map<string, Initializer>()
  const sizeOf = (name: string) => {
    const last = types.get(name)?.type === "float32" ? types.get(name)?.shape?.at(-1) : undefined
    return typeof last === "string" ? sizes[last] : (last ?? undefined)
  }
  const torch = inTorchsOrder(graph.nodes, sizeOf)
  const nodes = graph.nodes.flatMap((node) => {
    const write = torch.get(node)
    if (write) return write(new Steps(node.outputs[0]!, constants))
    return node.domain === "" && types.get(node.inputs[0] ?? "")?.type === "float64"
      ? (replacements[node.op]?.(node, constants) ?? [node])
      : [node]
  })
  const rests = restOutputs(graph, types)
  return {
    ...graph,
    nodes: [...nodes, ...rests.nodes],
    initializers: [...graph.initializers, ...constants.values()],
    outputs: [...graph.outputs, ...rests.outputs],
  }
}

function doublesOf(bytes: Uint8Array): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Float64Array.from({ length: bytes.byteLength / 4 }, (_, index) => view.getFloat32(index * 4, true))
}

type Replacement = (node: Node, constants: Map<string, Initializer>) => readonly Node[]

/** ONNX Runtime computes these in float32 only. */
const replacements: Readonly<Record<string, Replacement | undefined>> = {
  // Mean and inverse deviation are float32 by the standard, whatever the vectors are.
  LayerNormalization: (node, constants) => {
    const [y, mean = "", inverse = ""] = node.outputs as [string, string?, string?]
    const steps = new Steps(y, constants)
    const [x, scale, bias] = node.inputs as [string, string, string?]
    const { epsilon } = node.attributes
    const small = epsilon?.kind === "float" ? Number(epsilon.value.toPrecision(7)) : 1e-5
    const average = (value: string, name: string) =>
      steps.named(name, "ReduceMean", [value, steps.integers([-1])], { keepdims: 1 })
    const centred = steps.op("Sub", [x, average(x, mean)])
    const variance = average(steps.op("Mul", [centred, centred]), "")
    const deviation = steps.op("Sqrt", [steps.op("Add", [variance, steps.constant([small])])])
    const standard = steps.op("Mul", [centred, steps.named(inverse, "Reciprocal", [deviation])])
    if (!bias) return steps.end("Mul", [standard, scale])
    return steps.end("Add", [steps.op("Mul", [standard, scale]), bias])
  },
  HardSigmoid: (node, constants) => {
    const steps = new Steps(node.outputs[0]!, constants)
    const { alpha, beta } = node.attributes
    const number = (given: Attribute | undefined, usual: number) => (given?.kind === "float" ? given.value : usual)
    const scaled = steps.op("Mul", [node.inputs[0]!, steps.constant([number(alpha, 0.2)])])
    const moved = steps.op("Add", [scaled, steps.constant([number(beta, 0.5)])])
    return steps.end("Min", [steps.op("Max", [moved, steps.constant([0])]), steps.constant([1])])
  },
  Erf: (node, constants) => {
    const steps = new Steps(node.outputs[0]!, constants)
    return steps.end("Identity", [errorFunction(steps, node.inputs[0]!)])
  },
  Softplus: (node, constants) => {
    const steps = new Steps(node.outputs[0]!, constants)
    const [x] = node.inputs as [string]
    const power = steps.op("Exp", [steps.op("Neg", [steps.op("Abs", [x])])])
    const tail = steps.op("Log", [steps.op("Add", [power, steps.constant([1])])])
    return steps.end("Add", [steps.op("Max", [x, steps.constant([0])]), tail])
  },
  Gelu: (node, constants) => {
    const steps = new Steps(node.outputs[0]!, constants)
    const [x] = node.inputs as [string]
    const { approximate } = node.attributes
    const halved = steps.op("Mul", [x, steps.constant([0.5])])
    const scaled = (value: string, factor: number) => steps.op("Mul", [value, steps.constant([factor])])
    const rise = () => {
      if (approximate?.kind !== "string" || approximate.value !== "tanh")
        return errorFunction(steps, scaled(x, Math.SQRT1_2))
      const cube = steps.op("Mul", [steps.op("Mul", [x, x]), x])
      return steps.op("Tanh", [scaled(steps.op("Add", [x, scaled(cube, 0.044715)]), Math.sqrt(2 / Math.PI))])
    }
    return steps.end("Mul", [halved, steps.op("Add", [rise(), steps.constant([1])])])
  },
}

/** From here on the error function is 1 in float64. */
const FLAT = 6
const { places, weights } = quadrature(40)

/** erf(x) = 2 x / √π ∫₀¹ exp(-x² t²) dt, the integral by Gauss and Legendre's rule: smooth, so that 40 places give all digits. */
function errorFunction(steps: Steps, x: string): string {
  const near = steps.op("Max", [steps.op("Min", [x, steps.constant([FLAT])]), steps.constant([-FLAT])])
  const square = steps.op("Unsqueeze", [steps.op("Mul", [near, near]), steps.integers([-1])])
  const squares = places.map((place) => -place * place)
  const powers = steps.op("Exp", [steps.op("Mul", [square, steps.constant(squares, [squares.length])])])
  const factors = weights.map((weight) => (2 / Math.sqrt(Math.PI)) * weight)
  const integral = steps.op("MatMul", [powers, steps.constant(factors, [factors.length])])
  return steps.op("Mul", [near, integral])
}
