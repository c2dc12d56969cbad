/** Which model an index was made with, so that another model's vectors are refused. @module */
import { RankineError } from "../../src/core/errors.js"

/** What an index stores of its model. The name is for people; the other three decide. */
export interface ModelIdentity {
  readonly name: string
  readonly dimension: number
  readonly pooling: string
  readonly checksum: string
}

export function identityOf({ name, dimension, pooling, checksum }: ModelIdentity): ModelIdentity {
  return { name, dimension, pooling, checksum }
}

/** Throws where `given` is not the model that `expected` describes, and says which is which. */
export function requireSameModel(
  expected: ModelIdentity,
  given: ModelIdentity,
  code: "argument" | "index-version",
): void {
  const differing = (["dimension", "pooling", "checksum"] as const).filter((part) => expected[part] !== given[part])
  if (differing.length === 0) return
  const show = ({ name, dimension, pooling, checksum }: ModelIdentity) =>
    `${name} (${dimension} dimensions, ${pooling} pooling, checksum ${checksum})`
  throw new RankineError(
    code,
    `the index was made with ${show(expected)} and the vectors come from ${show(given)}; ${differing.join(" and ")} differ: ` +
      "use the index's model, or build the index again with the other one",
    { details: { expected: identityOf(expected), given: identityOf(given) } },
  )
}
