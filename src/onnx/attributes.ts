import { RankineError } from "../core/errors.js"
import type { Attribute } from "./ir.js"

/** An attribute as one writes it: a plain value, or one whose kind is spelled out. */
export type AttributeGiven = number | bigint | string | readonly number[] | readonly string[] | Attribute

/** Attributes of the standard and of ONNX Runtime that are floats although their value may be a whole number. */
const floats = new Set([
  "alpha",
  "beta",
  "gamma",
  "epsilon",
  "scale",
  "bias",
  "softcap",
  "momentum",
  "ratio",
  "value_float",
  "value_floats",
  "mask_filter_value",
])

/** Gives a plain value its kind. */
export function toAttribute(name: string, given: AttributeGiven): Attribute {
  if (typeof given === "string") return { kind: "string", value: given }
  if (typeof given === "bigint") return { kind: "int", value: given }
  if (typeof given === "number")
    return { kind: floats.has(name) || !Number.isInteger(given) ? "float" : "int", value: given }
  if (!Array.isArray(given)) return given as Attribute
  if (given.length === 0)
    throw new RankineError(
      "argument",
      `attribute ${name} is an empty list: give it as { kind, value }, for its kind cannot be seen`,
    )
  if (given.every((item) => typeof item === "string")) return { kind: "strings", value: given }
  const integers = !floats.has(name) && given.every((item) => Number.isInteger(item))
  return { kind: integers ? "ints" : "floats", value: given as number[] }
}
