/** Hides what a mask hides by adding to it. @module */
import { encodeNumbers } from "../data-type.js"
import type { Graph, Initializer, Node, Value } from "../ir.js"

/** Anything that a model computes is lost in the rounding of a number so far below it. */
const SWAMPS = -1e20

/**
 * The graph with choices between a float32 tensor and one huge negative number, as attention masks are, written as sums: x where the
 * condition holds and x + (-1e30), which is -1e30, elsewhere. The numbers are the same. On a CPU, ONNX Runtime's Where takes ten times
 * as long as the sum, and the choice that is left is as small as the condition.
 */
export function masksAsSums(graph: Graph): Graph {
  const huge = new Map<string, Initializer>()
  for (const initializer of graph.initializers) if (isHuge(initializer)) huge.set(initializer.name, initializer)
  if (huge.size === 0) return graph
  const taken = new Set([...graph.values.keys(), ...graph.initializers.map(({ name }) => name)])
  const fresh = (stem: string): string => {
    let name = stem
    for (let count = 1; taken.has(name); count++) name = `${stem} ${count}`
    taken.add(name)
    return name
  }
  const zero: Initializer = {
    name: fresh("nothing added"),
    type: "float32",
    dims: [],
    data: encodeNumbers("float32", [0]),
  }
  const known = new Map([...graph.inputs, ...graph.values.values()].map((value) => [value.name, value]))
  const values = new Map(graph.values)
  const added = new Map<string, string>()
  const nodes: Node[] = []
  for (const node of graph.nodes) {
    const [condition = "", first = "", second = ""] = node.inputs
    const hidden = huge.has(second) ? second : first
    const kept = huge.has(second) ? first : second
    if (node.op !== "Where" || !huge.has(hidden) || !covers(known.get(kept), known.get(condition))) {
      nodes.push(node)
      continue
    }
    const key = JSON.stringify([condition, hidden, hidden === second])
    let bias = added.get(key)
    if (bias === undefined) {
      bias = fresh(`${node.name} added`)
      added.set(key, bias)
      const choice = hidden === second ? [condition, zero.name, hidden] : [condition, hidden, zero.name]
      nodes.push({ ...node, name: fresh(`${node.name} choice`), inputs: choice, outputs: [bias] })
      const shape = known.get(condition)?.shape
      values.set(bias, { name: bias, type: "float32", ...(shape ? { shape } : {}) })
    }
    nodes.push({ ...node, op: "Add", inputs: [kept, bias], attributes: {} })
  }
  return added.size === 0 ? graph : { ...graph, nodes, values, initializers: [...graph.initializers, zero] }
}

/** The tensor is a float32 that the condition is repeated over: a sum of the two is as large as the choice was. */
function covers(x: Value | undefined, condition: Value | undefined): boolean {
  return x?.type === "float32" && x.shape !== undefined && condition?.shape !== undefined
}

function isHuge({ type, dims, data }: Initializer): boolean {
  if (type !== "float32" || dims.length !== 0 || !(data instanceof Uint8Array)) return false
  return new DataView(data.buffer, data.byteOffset).getFloat32(0, true) <= SWAMPS
}
