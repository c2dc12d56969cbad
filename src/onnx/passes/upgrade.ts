/** Rewrites graphs of older operator sets in the one that everything here is written in. @module */
import { RankineError } from "../../core/errors.js"
import { encodeNumbers } from "../data-type.js"
import {
  type Attribute,
  type Graph,
  type Initializer,
  IR_VERSION,
  type Model,
  type Node,
  OPSET,
  visitNodes,
} from "../ir.js"

/** The oldest operator set whose operators are known here. */
const OLDEST = 7

/** Attributes that became inputs: the version in which they did, and the place of the input. */
const moved: Readonly<Record<string, readonly [version: number, ...attributes: string[]]>> = {
  Squeeze: [13, "axes"],
  Unsqueeze: [13, "axes"],
  ReduceSum: [13, "axes"],
  Split: [13, "split"],
  ReduceL1: [18, "axes"],
  ReduceL2: [18, "axes"],
  ReduceLogSum: [18, "axes"],
  ReduceLogSumExp: [18, "axes"],
  ReduceMax: [18, "axes"],
  ReduceMean: [18, "axes"],
  ReduceMin: [18, "axes"],
  ReduceProd: [18, "axes"],
  ReduceSumSquare: [18, "axes"],
  Clip: [11, "min", "max"],
  Pad: [11, "pads", "value"],
  Slice: [10, "starts", "ends", "axes"],
  TopK: [10, "k"],
}

/** Operators that changed in ways that are not rewritten here, and in which version they did. */
const changed: Readonly<Record<string, number>> = { Upsample: 10, Resize: 11, GroupNormalization: 21 }

/**
 * A model in opset 21 (or the newer one that it is in), so that gradients can be added to it. Models that are there already come back
 * as they are.
 *
 * @throws RankineError `model` for operator sets before 7, and for operators that changed since in other ways
 */
export function upgradeModel(model: Model): Model {
  const version = model.opsets[""] ?? OPSET
  if (version >= OPSET) return model
  if (version < OLDEST)
    throw new RankineError(
      "model",
      `the model is written in opset ${version}: export it again in opset ${OLDEST} or later`,
    )
  const names = new Set<string>()
  visitNodes(model.graph, ({ name, outputs }) => {
    for (const each of [name, ...outputs]) names.add(each)
  })
  for (const { name } of [...model.graph.inputs, ...model.graph.initializers]) names.add(name)
  return {
    ...model,
    graph: upgradeGraph(model.graph, version, names),
    irVersion: Math.max(model.irVersion, IR_VERSION),
    opsets: { ...model.opsets, "": OPSET },
  }
}

function upgradeGraph(graph: Graph, version: number, names: Set<string>): Graph {
  const initializers: Initializer[] = []
  const fresh = (stem: string): string => {
    let name = stem
    for (let count = 0; names.has(name); count++) name = `${stem} ${count}`
    names.add(name)
    return name
  }
  const constant = (stem: string, attribute: Attribute, scalar: boolean): string => {
    const numbers = [attribute.value].flat() as (number | bigint)[]
    const type = attribute.kind === "float" || attribute.kind === "floats" ? "float32" : "int64"
    const name = fresh(stem)
    initializers.push({ name, type, dims: scalar ? [] : [numbers.length], data: encodeNumbers(type, numbers) })
    return name
  }
  const inside = (attribute: Attribute): Attribute => {
    if (attribute.kind === "graph") return { ...attribute, value: upgradeGraph(attribute.value, version, names) }
    if (attribute.kind !== "graphs") return attribute
    return { ...attribute, value: attribute.value.map((each) => upgradeGraph(each, version, names)) }
  }
  const nodes = graph.nodes.flatMap((old): Node[] => {
    const attributes = Object.fromEntries(Object.entries(old.attributes).map(([key, each]) => [key, inside(each)]))
    const node = { ...old, attributes }
    if (node.domain !== "") return [node]
    const since = changed[node.op]
    if (since !== undefined && version < since)
      throw new RankineError(
        "model",
        `${node.op} (node ${node.name}) meant something else in opset ${version}: export the model again in opset ${OPSET}`,
      )
    if (["Softmax", "LogSoftmax", "Hardmax"].includes(node.op) && version < 13) return flattened(node, fresh)
    if (node.op === "Scatter") return [{ ...node, op: "ScatterElements" }]
    if (node.op === "Dropout" && version < 12) return [{ ...node, attributes: {} }]
    const [becameInputs, ...keys] = moved[node.op] ?? [0]
    let upgraded = version < becameInputs ? withInputs(node, keys, constant) : node
    // Equal parts were what a Split without sizes meant; now their number is said.
    if (node.op === "Split" && version < 18 && !upgraded.inputs[1])
      upgraded = {
        ...upgraded,
        attributes: { ...upgraded.attributes, num_outputs: { kind: "int", value: node.outputs.length } },
      }
    return [upgraded]
  })
  return { ...graph, nodes, initializers: [...graph.initializers, ...initializers] }
}

function withInputs(
  node: Node,
  keys: readonly string[],
  constant: (stem: string, attribute: Attribute, scalar: boolean) => string,
): Node {
  const attributes = { ...node.attributes }
  const inputs = node.inputs.slice(0, 1)
  for (const [index, key] of keys.entries()) {
    const attribute = attributes[key]
    delete attributes[key]
    const scalar = node.op === "Clip" || key === "value"
    inputs[index + 1] = attribute ? constant(`${node.name || node.outputs[0]}/${key}`, attribute, scalar) : ""
  }
  while (inputs.at(-1) === "") inputs.pop()
  return { ...node, inputs, attributes }
}

/** Until opset 13 all axes from the given one on were one; that is the same as today only where it is the last. */
function flattened(node: Node, fresh: (stem: string) => string): Node[] {
  const given = node.attributes.axis
  const axis = given?.kind === "int" ? Number(given.value) : 1
  const last: Attribute = { kind: "int", value: -1 }
  if (axis === -1) return [node]
  const [flat, sizes, result] = ["flat", "sizes", "result"].map((part) => fresh(`${node.outputs[0]}/${part}`)) as [
    string,
    string,
    string,
  ]
  const made = (op: string, inputs: string[], output: string, attributes: Node["attributes"] = {}): Node => ({
    name: fresh(`${node.name || node.outputs[0]}/${op}`),
    op,
    domain: "",
    inputs,
    outputs: [output],
    attributes,
  })
  return [
    made("Flatten", [node.inputs[0]!], flat, { axis: { kind: "int", value: axis } }),
    { ...node, inputs: [flat], outputs: [result], attributes: { axis: last } },
    made("Shape", [node.inputs[0]!], sizes),
    made("Reshape", [result, sizes], node.outputs[0]!),
  ]
}
