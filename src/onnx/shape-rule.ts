/** What a rule of shapes is given, and what all of them need. @module */
import { RankineError } from "../core/errors.js"
import type { DataType } from "./data-type.js"
import type { Attribute, Dimension, Shape } from "./ir.js"

/** What is known of a tensor. */
export interface Known {
  readonly type?: DataType | undefined
  readonly shape?: Shape | undefined
  /** The numbers in it, as far as they are known: of small integer tensors, mostly sizes. A name is a size of that name. */
  readonly sizes?: readonly Dimension[] | undefined
}

/** An operator about to be added to a graph. */
export interface Application {
  readonly op: string
  readonly inputs: readonly (Known | undefined)[]
  readonly attributes: Readonly<Record<string, Attribute>>
  readonly outputCount: number
  /** The integers of an input that is a constant. */
  integers(input: number): readonly number[] | undefined
  /** The numbers of an input as far as they are known, names among them. */
  sizes(input: number): readonly Dimension[] | undefined
}

export type Rule = (application: Application) => readonly Known[]

/** The common shape of two tensors under broadcasting. Of two different names nothing is known. */
export function broadcast(left: Shape | undefined, right: Shape | undefined, op: string): Shape | undefined {
  if (!left || !right) return undefined
  const rank = Math.max(left.length, right.length)
  return Array.from({ length: rank }, (_, axis): Dimension => {
    const a = at(left, axis - rank)
    const b = at(right, axis - rank)
    if (a === b || b === 1) return a
    if (a === 1) return b
    if (typeof a === "number" && typeof b === "number")
      throw new RankineError(
        "argument",
        `${op}: sizes [${left.join(", ")}] and [${right.join(", ")}] cannot be broadcast`,
      )
    // The other side is either 1 or this number; the result is this number in both cases.
    if (typeof a === "number") return a
    return typeof b === "number" ? b : null
  })
}

/** The size of an axis counted from the end; 1 before the first. */
function at(shape: Shape, fromEnd: number): Dimension {
  return shape.length + fromEnd < 0 ? 1 : shape[shape.length + fromEnd]!
}

/** Puts an axis into 0..rank-1. Throws `argument` when it is outside. */
export function axisOf(axis: number, rank: number, op: string): number {
  const positive = axis < 0 ? axis + rank : axis
  if (!(positive >= 0 && positive < rank))
    throw new RankineError("argument", `${op}: there is no axis ${axis} in a tensor of ${rank} axes`)
  return positive
}

export function int({ attributes }: Application, name: string, fallback: number): number {
  const attribute = attributes[name]
  return attribute?.kind === "int" ? Number(attribute.value) : fallback
}

export function ints({ attributes }: Application, name: string): number[] | undefined {
  const attribute = attributes[name]
  return attribute?.kind === "ints" ? attribute.value.map(Number) : undefined
}
