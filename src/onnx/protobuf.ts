/** The edge between graphs as plain data and ONNX files: protobuf messages appear in this file alone. @module */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import {
  AttributeProto_AttributeType as AttributeKind,
  type AttributeProto,
  AttributeProtoSchema,
  TensorProto_DataLocation as DataLocation,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  TensorShapeProtoSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "onnx-buf"
import { RankineError } from "../core/errors.js"
import type { DataType } from "./data-type.js"
import type { Attribute, Dimension, ExternalData, Graph, Initializer, Model, Node, Shape, Value } from "./ir.js"
import { tensorBytes } from "./typed-fields.js"

/** The standard's numbers of element types. */
const typeNumbers: Readonly<Record<DataType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
  uint4: 21,
  int4: 22,
}
const typeNames = new Map(Object.entries(typeNumbers).map(([name, number]) => [number, name as DataType]))

const LIMIT = 2 ** 31 - 1

/** The bytes of an ONNX file. Throws `argument` for a graph beyond protobuf's 2 GiB: its weights belong in files. */
export function encodeModel(model: Model): Uint8Array {
  const inline = model.graph.initializers.reduce(
    (sum, { data }) => sum + (data instanceof Uint8Array ? data.length : 0),
    0,
  )
  if (inline > LIMIT)
    throw new RankineError(
      "argument",
      `the graph holds ${inline} bytes of weights, more than a file can: give them with weight()`,
    )
  const message = create(ModelProtoSchema, {
    irVersion: BigInt(model.irVersion),
    producerName: model.producer,
    opsetImport: Object.entries(model.opsets).map(([domain, version]) =>
      create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }),
    ),
    graph: writeGraph(model.graph),
    metadataProps: Object.entries(model.metadata).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value }),
    ),
  })
  return toBinary(ModelProtoSchema, message)
}

/**
 * Reads an ONNX file. Weights inside it stay views of `bytes`. Throws `data` for bytes that are no ONNX model, and `model`
 * for what no graph here can say: sparse weights, functions of the model's own, element types of 8-bit floats.
 */
export function readModel(bytes: Uint8Array): Model {
  let message: ReturnType<typeof decode>
  try {
    message = decode(bytes)
  } catch (cause) {
    throw new RankineError("data", "these bytes are not an ONNX model: download the file again", { cause })
  }
  if (!message.graph) throw new RankineError("data", "the ONNX file holds no graph: download it again")
  if (message.functions.length > 0)
    throw new RankineError("model", "the model defines functions of its own: export it with them inlined")
  return {
    graph: readGraph(message.graph),
    irVersion: Number(message.irVersion),
    opsets: Object.fromEntries(message.opsetImport.map(({ domain, version }) => [standard(domain), Number(version)])),
    producer: message.producerName,
    metadata: Object.fromEntries(message.metadataProps.map(({ key, value }) => [key, value])),
  }
}

function decode(bytes: Uint8Array) {
  return fromBinary(ModelProtoSchema, bytes)
}

/** The standard's domain has two spellings. */
function standard(domain: string): string {
  return domain === "ai.onnx" ? "" : domain
}

function writeGraph(graph: Graph): GraphProto {
  return create(GraphProtoSchema, {
    name: graph.name,
    input: graph.inputs.map(writeValue),
    output: graph.outputs.map(writeValue),
    node: graph.nodes.map(({ name, op, domain, inputs, outputs, attributes }) =>
      create(NodeProtoSchema, {
        ...(name ? { name } : {}),
        ...(domain ? { domain } : {}),
        opType: op,
        input: [...inputs],
        output: [...outputs],
        attribute: Object.entries(attributes).map(([key, attribute]) => writeAttribute(key, attribute)),
      }),
    ),
    initializer: graph.initializers.map(writeInitializer),
    valueInfo: [...graph.values.values()].filter(({ type }) => type !== undefined).map(writeValue),
  })
}

function readGraph(graph: GraphProto): Graph {
  if (graph.sparseInitializer.length > 0)
    throw new RankineError("model", "the model has sparse weights: export it with dense ones")
  const initializers = graph.initializer.map(readInitializer)
  const constant = new Set(initializers.map(({ name }) => name))
  const values = graph.valueInfo.map(readValue)
  return {
    name: graph.name,
    // Old exports list their weights among the inputs.
    inputs: graph.input.filter(({ name }) => !constant.has(name)).map(readTensor),
    outputs: graph.output.map(readTensor),
    nodes: graph.node.map(
      (node): Node => ({
        name: node.name,
        op: node.opType,
        domain: standard(node.domain),
        inputs: node.input,
        outputs: node.output,
        attributes: Object.fromEntries(node.attribute.map((attribute) => [attribute.name, readAttribute(attribute)])),
      }),
    ),
    initializers,
    values: new Map(values.map((value) => [value.name, value])),
  }
}

function writeValue({ name, type, shape }: Value): ValueInfoProto {
  if (type === undefined) return create(ValueInfoProtoSchema, { name })
  const tensorType = { elemType: typeNumbers[type], ...(shape ? { shape: writeShape(shape) } : {}) }
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: "tensorType", value: tensorType } }),
  })
}

function writeShape(shape: Shape) {
  return create(TensorShapeProtoSchema, {
    dim: shape.map((size) => {
      if (size === null) return {}
      return typeof size === "number"
        ? { value: { case: "dimValue" as const, value: BigInt(size) } }
        : { value: { case: "dimParam" as const, value: size } }
    }),
  })
}

/** An input or output: inside another graph it may come without a type, but never with one that is lost here. */
function readTensor(message: ValueInfoProto): Value {
  const value = readValue(message)
  if (message.type?.value.case !== undefined && value.type === undefined)
    throw new RankineError(
      "model",
      `${message.name} is no tensor of a supported element type: export the model with tensors only`,
    )
  return value
}

/** What is no tensor of a known element type keeps its name alone. */
function readValue({ name, type }: ValueInfoProto): Value {
  if (type?.value.case !== "tensorType") return { name }
  const { elemType, shape } = type.value.value
  const known = typeNames.get(elemType)
  if (known === undefined) return { name }
  if (!shape) return { name, type: known }
  const sizes = shape.dim.map(({ value }): Dimension => {
    if (value.case === "dimValue") return Number(value.value)
    return value.case === "dimParam" && value.value !== "" ? value.value : null
  })
  return { name, type: known, shape: sizes }
}

function writeInitializer({ name, type, dims, data }: Initializer): TensorProto {
  const common = { name, dataType: typeNumbers[type], dims: dims.map(BigInt) }
  if (data instanceof Uint8Array)
    return create(TensorProtoSchema, { ...common, rawData: data as Uint8Array<ArrayBuffer> })
  if (!("location" in data))
    return create(TensorProtoSchema, { ...common, stringData: data.map((text) => encodeText(text)) })
  return create(TensorProtoSchema, {
    ...common,
    dataLocation: DataLocation.EXTERNAL,
    externalData: Object.entries(data)
      .filter(([, value]) => value !== TO_THE_END)
      .map(([key, value]) => create(StringStringEntryProtoSchema, { key, value: String(value) })),
  })
}

function readInitializer(message: TensorProto): Initializer {
  const { name } = message
  const type = typeNames.get(message.dataType)
  if (type === undefined)
    throw new RankineError(
      "model",
      `weight ${name} has element type ${message.dataType} of the ONNX standard, which is not supported`,
    )
  const dims = message.dims.map(Number)
  if (message.dataLocation === DataLocation.EXTERNAL) return { name, type, dims, data: readExternal(message) }
  if (type === "string")
    return { name, type, dims, data: message.stringData.map((bytes) => new TextDecoder().decode(bytes)) }
  return { name, type, dims, data: tensorBytes(message, type, dims) }
}

/** The length of external data that reaches to the end of its file. */
const TO_THE_END = -1

function readExternal(message: TensorProto): ExternalData {
  const entries = new Map(message.externalData.map(({ key, value }) => [key, value]))
  const location = entries.get("location")
  if (location === undefined)
    throw new RankineError(
      "data",
      `weight ${message.name} lies outside the model and names no file: export the model again`,
    )
  return { location, offset: Number(entries.get("offset") ?? 0), length: Number(entries.get("length") ?? TO_THE_END) }
}

function writeAttribute(name: string, attribute: Attribute): AttributeProto {
  switch (attribute.kind) {
    case "int":
      return create(AttributeProtoSchema, { name, type: AttributeKind.INT, i: BigInt(attribute.value) })
    case "float":
      return create(AttributeProtoSchema, { name, type: AttributeKind.FLOAT, f: attribute.value })
    case "string":
      return create(AttributeProtoSchema, { name, type: AttributeKind.STRING, s: encodeText(attribute.value) })
    case "tensor":
      return create(AttributeProtoSchema, { name, type: AttributeKind.TENSOR, t: writeInitializer(attribute.value) })
    case "graph":
      return create(AttributeProtoSchema, { name, type: AttributeKind.GRAPH, g: writeGraph(attribute.value) })
    case "ints":
      return create(AttributeProtoSchema, { name, type: AttributeKind.INTS, ints: attribute.value.map(BigInt) })
    case "floats":
      return create(AttributeProtoSchema, { name, type: AttributeKind.FLOATS, floats: [...attribute.value] })
    case "strings":
      return create(AttributeProtoSchema, {
        name,
        type: AttributeKind.STRINGS,
        strings: attribute.value.map(encodeText),
      })
    case "graphs":
      return create(AttributeProtoSchema, { name, type: AttributeKind.GRAPHS, graphs: attribute.value.map(writeGraph) })
  }
}

function readAttribute(message: AttributeProto): Attribute {
  switch (message.type) {
    case AttributeKind.INT:
      return { kind: "int", value: narrow(message.i) }
    case AttributeKind.FLOAT:
      return { kind: "float", value: message.f }
    case AttributeKind.STRING:
      return { kind: "string", value: decodeText(message.s) }
    case AttributeKind.TENSOR:
      return { kind: "tensor", value: readInitializer(message.t!) }
    case AttributeKind.GRAPH:
      return { kind: "graph", value: readGraph(message.g!) }
    case AttributeKind.INTS:
      return { kind: "ints", value: message.ints.map(narrow) }
    case AttributeKind.FLOATS:
      return { kind: "floats", value: message.floats }
    case AttributeKind.STRINGS:
      return { kind: "strings", value: message.strings.map(decodeText) }
    case AttributeKind.GRAPHS:
      return { kind: "graphs", value: message.graphs.map(readGraph) }
    default:
      throw new RankineError("model", `attribute ${message.name} is of a kind that is not supported (${message.type})`)
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function encodeText(text: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return (typeof text === "string" ? new TextEncoder().encode(text) : text) as Uint8Array<ArrayBuffer>
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

function decodeText(bytes: Uint8Array): string | Uint8Array {
  try {
    return strict.decode(bytes)
  } catch {
    return bytes
  }
}
