/** A model that needs no files: words are hashed into the dimensions of a vector, and counted. @module */
import { hashName } from "../../../src/core/index.js"
import type { EmbeddingModel, Embeddings } from "../../../src/models/embedding-model.js"

export interface HashedWords extends EmbeddingModel {
  /** Texts that were given to it. */
  readonly seen: string[]
}

export function hashedWords({
  dimension = 512,
  maxLength = Number.POSITIVE_INFINITY,
  checksum = "hashed",
  name = "hashed-words",
} = {}): HashedWords {
  const seen: string[] = []
  const embed = async (texts: readonly string[]): Promise<Embeddings> => {
    let tokens = 0
    const truncated: number[] = []
    const vectors = texts.map((text, position) => {
      seen.push(text)
      const vector = new Float32Array(dimension)
      let words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ([] as string[])
      if (words.length > maxLength) {
        words = words.slice(0, maxLength)
        truncated.push(position)
      }
      tokens += words.length
      if (words.includes("notanumber")) vector[3] = Number.NaN
      if (words.includes("explode")) throw new Error("the model exploded")
      for (const word of words) vector[hashName(word) % dimension]! += 1
      return vector
    })
    return { vectors, tokens, truncated }
  }
  return {
    name,
    dimension,
    pooling: "sum",
    normalized: false,
    maxLength: Number.isFinite(maxLength) ? maxLength : undefined,
    prompts: { query: "", document: "" },
    precision: "fp32",
    checksum,
    fingerprint: `${checksum} ${dimension} ${maxLength}`,
    seen,
    embed,
    encode: async (texts) => (await embed(texts)).vectors,
  }
}
