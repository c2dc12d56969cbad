/**
 * What is known of the numbers inside small integer tensors: graphs compute sizes from sizes, and a Reshape to sizes that were
 * put together from those of another tensor has a known shape.
 * @module
 */
import { decodeIntegers } from "./data-type.js"
import { productOf, quotientOf, sumOf } from "./dimensions.js"
import type { Dimension } from "./ir.js"
import { type Application, int, ints, type Known } from "./shape-rule.js"

type Sizes = readonly Dimension[]

/** The outputs with the numbers in the first of them, where they follow. */
export function withSizes(application: Application, known: readonly Known[]): readonly Known[] {
  const sizes = sizesOf[application.op]?.(application)
  if (!sizes || !known[0] || known[0].shape === undefined || known[0].shape.length > 1) return known
  return [{ ...known[0], sizes }, ...known.slice(1)]
}

const copied = (application: Application): Sizes | undefined => application.sizes(0)

const pairwise =
  (combine: (a: Dimension, b: Dimension) => Dimension) =>
  (application: Application): Sizes | undefined => {
    const [a, b] = [application.sizes(0), application.sizes(1)]
    if (!a || !b || (a.length !== b.length && a.length !== 1 && b.length !== 1)) return undefined
    const length = Math.max(a.length, b.length)
    return Array.from({ length }, (_, index) => combine(a[a.length === 1 ? 0 : index]!, b[b.length === 1 ? 0 : index]!))
  }

const numbers = (compute: (a: number, b: number) => number) => (a: Dimension, b: Dimension) =>
  typeof a === "number" && typeof b === "number" ? compute(a, b) : null

const sizesOf: Readonly<Record<string, (application: Application) => Sizes | undefined>> = {
  Identity: copied,
  Squeeze: copied,
  Unsqueeze: copied,
  Reshape: copied,
  // To a float type and back a size would be lost beyond 2^24: casts among integers only are followed.
  Cast: (application) => ([6, 7].includes(int(application, "to", 0)) ? application.sizes(0) : undefined),
  Constant: ({ attributes: { value, value_int, value_ints } }) => {
    if (value_int?.kind === "int") return [Number(value_int.value)]
    if (value_ints?.kind === "ints") return value_ints.value.map(Number)
    if (value?.kind !== "tensor" || value.value.dims.length > 1 || !(value.value.data instanceof Uint8Array))
      return undefined
    return decodeIntegers(value.value.type, value.value.data)
  },
  Shape: (application) => {
    const shape = application.inputs[0]?.shape
    if (!shape) return undefined
    return shape.slice(int(application, "start", 0), int(application, "end", shape.length))
  },
  Size: ({ inputs: [x] }) => x?.shape && [productOf(x.shape)],
  Gather: (application) => {
    const [list, indices] = [application.sizes(0), application.integers(1)]
    if (!list || !indices) return undefined
    return indices.map((index) => list.at(index) ?? null)
  },
  Slice: (application) => {
    const list = application.sizes(0)
    const [start, end] = [application.integers(1)?.[0], application.integers(2)?.[0]]
    const step = application.inputs[4] ? application.integers(4)?.[0] : 1
    return list && start !== undefined && end !== undefined && step === 1 ? list.slice(start, end) : undefined
  },
  Concat: (application) => {
    const parts = application.inputs.map((input, index) => {
      const length = input?.shape?.[0]
      // A list whose numbers are unknown still has so many of them.
      return application.sizes(index) ?? (typeof length === "number" ? Array<null>(length).fill(null) : undefined)
    })
    return parts.every((part) => part !== undefined) ? parts.flat() : undefined
  },
  Mul: pairwise((a, b) => productOf([a, b])),
  Add: pairwise((a, b) => sumOf([a, b])),
  Sub: pairwise((a, b) => (a !== null && a === b ? 0 : numbers((left, right) => left - right)(a, b))),
  Div: pairwise((a, b) => quotientOf([a], [b])),
  Max: pairwise(numbers(Math.max)),
  Min: pairwise(numbers(Math.min)),
  ReduceProd: (application) => {
    const sizes = application.sizes(0)
    const axes = application.inputs[1] ? application.integers(1) : (ints(application, "axes") ?? [0])
    return sizes && axes?.length === 1 ? [productOf(sizes)] : undefined
  },
}
