/** Which model an index was made with, so that vectors of another model or setting are refused. @module */
import { isDeepStrictEqual } from "node:util"
import { RankineError } from "../../src/core/errors.js"

/** What an index stores of its model. The name is for people; everything else decides. */
export interface ModelIdentity {
  readonly name: string
  readonly dimension: number
  readonly pooling: string
  readonly normalized: boolean
  /** Most tokens of a text; absent without limit. */
  readonly maxLength?: number | undefined
  readonly prompts: { readonly query: string; readonly document: string }
  readonly precision: string
  readonly checksum: string
}

export function identityOf(model: ModelIdentity): ModelIdentity {
  const { name, dimension, pooling, normalized, maxLength, prompts, precision, checksum } = model
  return {
    name,
    dimension,
    pooling,
    normalized,
    ...(maxLength === undefined || maxLength === Number.POSITIVE_INFINITY ? {} : { maxLength }),
    prompts: { query: prompts.query, document: prompts.document },
    precision,
    checksum,
  }
}

const PARTS = ["dimension", "pooling", "normalized", "maxLength", "prompts", "precision", "checksum"] as const

/** Throws where `given` is not the model that `expected` describes, with the same settings, and says which is which. */
export function requireSameModel(
  expected: ModelIdentity,
  given: ModelIdentity,
  code: "argument" | "index-version",
): void {
  const [wanted, got] = [identityOf(expected), identityOf(given)]
  const differing = PARTS.filter((part) => !isDeepStrictEqual(wanted[part], got[part]))
  if (differing.length === 0) return
  const show = (model: ModelIdentity) => {
    const value = (part: (typeof PARTS)[number]) =>
      typeof model[part] === "string" ? model[part] : (JSON.stringify(model[part]) ?? "without limit")
    const parts = differing.map((part) => `${part} ${value(part)}`)
    return `${model.name} (${parts.join(", ")})`
  }
  throw new RankineError(
    code,
    `the index was made with ${show(wanted)} and the vectors come from ${show(got)}; ${differing.join(" and ")} differ: ` +
      "use the index's model with its settings, or build the index again with the other one",
    { details: { expected: wanted, given: got } },
  )
}
