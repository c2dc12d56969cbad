/** A late-interaction model that needs no files: each word has a vector of its own. */
import { hashName, Random } from "../../../src/core/index.js"
import type { MultiVectorEmbeddings, MultiVectorModel } from "../../../src/models/multi-vector-encoder.js"

export interface HashedTokens extends MultiVectorModel {
  /** Texts that were given to it. */
  readonly seen: string[]
}

/** `axes`: words are hashed to axes of the space; `random`: to random directions, as far apart as chance has it. */
export function hashedTokens({
  dimension = 256,
  maxLength = Number.POSITIVE_INFINITY,
  checksum = "hashed",
  name = "hashed-tokens",
  directions = "axes" as "axes" | "random",
} = {}): HashedTokens {
  const seen: string[] = []
  const known = new Map<string, Float32Array>()
  const vectorOf = (word: string): Float32Array => {
    let vector = known.get(word)
    if (vector) return vector
    vector = new Float32Array(dimension)
    if (directions === "axes") vector[hashName(word) % dimension] = 1
    else {
      const random = new Random(hashName(word), "direction")
      for (let d = 0; d < dimension; d++) vector[d] = random.normal()
      const length = Math.hypot(...vector)
      for (let d = 0; d < dimension; d++) vector[d] /= length
    }
    known.set(word, vector)
    return vector
  }
  const embed = async (texts: readonly string[]): Promise<MultiVectorEmbeddings> => {
    let tokens = 0
    const truncated: number[] = []
    const vectors = texts.map((text, position) => {
      seen.push(text)
      let words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ([] as string[])
      if (words.length > maxLength) {
        words = words.slice(0, maxLength)
        truncated.push(position)
      }
      if (words.includes("explode")) throw new Error("the model exploded")
      tokens += words.length
      const rows = new Float32Array(words.length * dimension)
      for (const [index, word] of words.entries()) rows.set(vectorOf(word), index * dimension)
      if (words.includes("notanumber")) rows[3] = Number.NaN
      return { rows }
    })
    return { vectors, tokens, truncated }
  }
  return {
    name,
    dimension,
    pooling: "tokens",
    normalized: true,
    maxLength,
    prompts: { query: "", document: "" },
    precision: "fp32",
    checksum,
    fingerprint: checksum,
    seen,
    embed,
    encode: async (texts) => (await embed(texts)).vectors,
  }
}
