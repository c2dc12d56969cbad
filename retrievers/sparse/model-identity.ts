/** Which model an index was made with, so that vectors of another model or setting are refused. @module */
import { RankineError } from "../../src/core/errors.js"

/** What an index stores of its model. The name is for people; everything else decides. */
export interface SparseModelIdentity {
  readonly name: string
  readonly checksum: string
  /** Terms that the model knows: ids are below it. */
  readonly vocabulary: number
  /** Most tokens of a document. */
  readonly maxLength: number
  /** The same for the same weights, words and settings. */
  readonly fingerprint: string
}

export function identityOf(model: SparseModelIdentity): SparseModelIdentity {
  const { name, checksum, vocabulary, maxLength, fingerprint } = model
  return { name, checksum, vocabulary, maxLength, fingerprint }
}

const PARTS = ["vocabulary", "maxLength", "checksum", "fingerprint"] as const

/** Throws where `given` is not the model that `expected` describes, with the same settings, and says which is which. */
export function requireSameModel(
  expected: SparseModelIdentity,
  given: SparseModelIdentity,
  code: "argument" | "index-version",
): void {
  const differing = PARTS.filter((part) => expected[part] !== given[part])
  if (differing.length === 0) return
  // Whatever else differs, the fingerprint does too: alone it stands for what has no name here.
  const named = differing.length > 1 ? differing.filter((part) => part !== "fingerprint") : differing
  const show = (model: SparseModelIdentity) =>
    `${model.name} (${named.map((part) => `${part} ${model[part]}`).join(", ")})`
  const what = named[0] === "fingerprint" ? "fingerprint (precision, threshold or tokenizer)" : named.join(" and ")
  throw new RankineError(
    code,
    `the index was made with ${show(expected)} and the vectors come from ${show(given)}; ${what} differ: ` +
      "use the index's model with its settings, or build the index again with the other one",
    { details: { expected: identityOf(expected), given: identityOf(given) } },
  )
}
