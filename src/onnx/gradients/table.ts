/** The one table of gradient rules. @module */
import type { Node } from "../ir.js"
import { logProbabilitiesRule } from "./log-probabilities.js"
import type { Differentiable, RuleTable } from "./rule.js"
import { elementwiseRules } from "./rules/elementwise.js"
import { indexingRules } from "./rules/indexing.js"
import { layoutRules } from "./rules/layout.js"
import { normalizationRules } from "./rules/normalization.js"
import { productRules } from "./rules/products.js"
import { quantizedRules } from "./rules/quantized.js"
import { reductionRules } from "./rules/reductions.js"

/** One rule for each operator. Fused operators have none: they are expanded first. */
export const gradientRules: RuleTable = {
  ...elementwiseRules,
  ...productRules,
  ...reductionRules,
  ...normalizationRules,
  ...indexingRules,
  ...layoutRules,
  ...quantizedRules,
  LogProbabilities: logProbabilitiesRule,
}

/** Operators whose results do not change with small changes of their inputs, or are no numbers. */
const constant = new Set([
  "And",
  "ArgMax",
  "ArgMin",
  "Ceil",
  "Constant",
  "ConstantOfShape",
  "Equal",
  "EyeLike",
  "Floor",
  "Greater",
  "GreaterOrEqual",
  "IsInf",
  "IsNaN",
  "Less",
  "LessOrEqual",
  "NonZero",
  "Not",
  "OneHot",
  "Or",
  "RandomNormalLike",
  "RandomUniformLike",
  "Range",
  "Round",
  "Shape",
  "Sign",
  "Size",
  "Xor",
])

/** The standard's numbers of float types, as Cast names them. */
const floatTypes = new Set([1, 10, 11, 16])

/** No gradient passes through the node, whatever it is given. */
export function stopsGradients({ op, attributes }: Node): boolean {
  const to = attributes.to
  return constant.has(op) || (op === "Cast" && to?.kind === "int" && !floatTypes.has(Number(to.value)))
}

/** The rule of a node's operator, if there is one. */
export function ruleOf({ op }: Node): Differentiable | undefined {
  return Object.hasOwn(gradientRules, op) ? gradientRules[op] : undefined
}
