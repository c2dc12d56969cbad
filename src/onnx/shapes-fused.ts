/** Types and shapes of what layers, indexing and ONNX Runtime's own operators give: the second part of the table. @module */
import type { DataType } from "./data-type.js"
import { productOf, sumOf } from "./dimensions.js"
import type { Dimension, Shape } from "./ir.js"
import { type Application, axisOf, int, ints, type Known, type Rule } from "./shape-rule.js"

export const fusedRules = new Map<string, Rule>()
const add = (rule: Rule, ...ops: string[]) => {
  for (const op of ops) fusedRules.set(op, rule)
}

const like = (input: Known | undefined): Known => ({ type: input?.type, shape: input?.shape })

/** The sizes before the normalised axes, the others 1: means and deviations. */
function statistics(application: Application): Known {
  const [x] = application.inputs
  const axis = x?.shape && axisOf(int(application, "axis", -1), x.shape.length, application.op)
  const type: DataType | undefined = x?.type === "float64" ? "float64" : "float32"
  return { type, shape: x?.shape?.map((size, index): Dimension => (index < axis! ? size : 1)) }
}

add(
  (application) => [like(application.inputs[0]), statistics(application), statistics(application)],
  "LayerNormalization",
)
add((application) => [like(application.inputs[0]), statistics(application)], "SimplifiedLayerNormalization")
add(({ inputs: [x] }) => [like(x)], "RMSNormalization")
add(
  (application) => [
    like(application.inputs[0]),
    statistics(application),
    statistics(application),
    like(application.inputs[0]),
  ],
  "SkipLayerNormalization",
  "SkipSimplifiedLayerNormalization",
)
add(({ inputs: [x] }) => [like(x), { type: "bool", shape: x?.shape }], "Dropout")
add((application) => {
  const [ids, , words] = application.inputs
  const width = words?.shape?.[1]
  const shape = ids?.shape && width !== undefined ? [...ids.shape, width] : undefined
  return [
    { type: words?.type, shape },
    { type: "int32", shape: ids?.shape?.slice(0, 1) },
    { type: words?.type, shape },
  ]
}, "EmbedLayerNormalization")

add(({ inputs: [query, , value] }) => {
  // Of four axes, keys and values have their heads apart; queries never do.
  const heads = value?.shape?.length === 4
  const width = heads ? productOf([value.shape![1]!, value.shape![3]!]) : value?.shape?.[2]
  const shape = query?.shape?.length === 3 && width !== undefined ? [...query.shape.slice(0, 2), width] : undefined
  return [{ type: query?.type, shape }]
}, "MultiHeadAttention")
add((application) => {
  const [x, weights] = application.inputs
  const sizes = ints(application, "qkv_hidden_sizes")
  const all = weights?.shape?.[1]
  const width = sizes?.[2] ?? (typeof all === "number" ? all / 3 : null)
  return [{ type: x?.type, shape: x?.shape && [...x.shape.slice(0, 2), width] }]
}, "Attention")
add((application) => {
  const [query, key] = application.inputs
  const width = query?.shape?.[2]
  const heads = int(application, "num_heads", 1)
  const groups = heads + 2 * int(application, "kv_num_heads", heads)
  const inner = key || typeof width !== "number" ? (width ?? null) : (width / groups) * heads
  return [{ type: query?.type, shape: query?.shape && [...query.shape.slice(0, 2), inner] }]
}, "GroupQueryAttention")
add(({ inputs: [x] }) => [like(x)], "RotaryEmbedding")

add((application) => {
  const [a] = application.inputs
  return [{ type: a?.type, shape: a?.shape && [...a.shape.slice(0, -1), int(application, "N", 0)] }]
}, "MatMulNBits")
add(
  ({ inputs: [hidden, , labels] }) => [{ type: hidden?.type, shape: labels?.shape }, like(hidden)],
  "LogProbabilities",
)
add(({ inputs: [x, , zero] }) => [{ type: zero?.type ?? "uint8", shape: x?.shape }], "QuantizeLinear")
add(({ inputs: [x, scale] }) => [{ type: scale?.type, shape: x?.shape }], "DequantizeLinear")
add(({ inputs: [x, target] }) => [{ type: target?.type, shape: x?.shape }], "CastLike")

add((application) => {
  const [x] = application.inputs
  const given = int(application, "axis", 1)
  const axis = x?.shape && (given < 0 ? given + x.shape.length : given)
  const shape = x?.shape && [productOf(x.shape.slice(0, axis)), productOf(x.shape.slice(axis))]
  return [{ type: x?.type, shape }]
}, "Flatten")
add(() => [{ type: "int64", shape: [] }], "Size")
add((application) => {
  const [x] = application.inputs
  const repeats = application.sizes(1)
  return [{ type: x?.type, shape: x?.shape?.map((size, axis) => productOf([size, repeats?.[axis] ?? null])) }]
}, "Tile")
add((application) => {
  const [x] = application.inputs
  const pads = application.sizes(1)
  const rank = x?.shape?.length ?? 0
  const axes = application.inputs[3] ? application.integers(3) : Array.from({ length: rank }, (_, axis) => axis)
  const shape = x?.shape?.map((size, axis): Dimension => {
    const index = axes?.findIndex((each) => (each < 0 ? each + rank : each) === axis)
    if (!axes) return null
    return index === -1 ? size : sumOf([size, pads?.[index!] ?? null, pads?.[index! + axes.length] ?? null])
  })
  return [{ type: x?.type, shape }]
}, "Pad")
add((application) => {
  const [x, indices] = application.inputs
  const last = indices?.shape?.at(-1)
  const batch = int(application, "batch_dims", 0)
  const shape =
    x?.shape && indices?.shape && typeof last === "number"
      ? [...indices.shape.slice(0, -1), ...x.shape.slice(batch + last)]
      : undefined
  return [{ type: x?.type, shape }]
}, "GatherND")
add(({ inputs: [x] }) => [{ type: "int64", shape: [x?.shape?.length ?? null, null] }], "NonZero")
add((application) => {
  const { value, value_int, value_ints, value_float, value_floats } = application.attributes
  if (value?.kind === "tensor") return [{ type: value.value.type, shape: value.value.dims }]
  if (value_int) return [{ type: "int64", shape: [] }]
  if (value_ints?.kind === "ints") return [{ type: "int64", shape: [value_ints.value.length] }]
  if (value_float) return [{ type: "float32", shape: [] }]
  if (value_floats?.kind === "floats") return [{ type: "float32", shape: [value_floats.value.length] }]
  return []
}, "Constant")
add((application) => {
  const equation = application.attributes.equation
  if (equation?.kind !== "string" || typeof equation.value !== "string") return []
  const [terms, result] = einsumTerms(equation.value)
  const sizes = new Map<string, Dimension>()
  let known = !equation.value.includes(".")
  terms.forEach((term, index) => {
    const shape: Shape | undefined = application.inputs[index]?.shape
    if (shape?.length !== term.length) known = false
    else for (const [axis, label] of [...term].entries()) sizes.set(label, shape[axis]!)
  })
  const type = application.inputs[0]?.type
  return [known ? { type, shape: [...result].map((label) => sizes.get(label) ?? null) } : { type }]
}, "Einsum")

/** The labels of each operand, and those of the result: without an arrow, all that appear once, in alphabetical order. */
export function einsumTerms(equation: string): [string[], string] {
  const [left = "", right] = equation.replaceAll(" ", "").split("->")
  const terms = left.split(",")
  if (right !== undefined) return [terms, right]
  const labels = [...terms.join("")].filter((label, _, all) => all.indexOf(label) === all.lastIndexOf(label))
  return [terms, labels.sort().join("")]
}
