/** A sparse encoder that needs no files: words are hashed into term ids, and weigh more the more often they stand. @module */
import { hashName } from "../../../src/core/index.js"
import type { SparseEmbeddings, SparseEncoder } from "../../../src/models/sparse-encoder.js"

export interface HashedTerms extends SparseEncoder {
  /** The texts of each call. */
  readonly calls: string[][]
}

export function hashedTerms({
  vocabulary = 65536,
  maxLength = 1000,
  checksum = "hashed",
  name = "hashed-terms",
  scale = 1,
  fingerprint = "",
} = {}): HashedTerms {
  const calls: string[][] = []
  const words = new Map<number, string>()
  const embed = async (texts: readonly string[]): Promise<SparseEmbeddings> => {
    calls.push([...texts])
    let tokens = 0
    const truncated: number[] = []
    const vectors = texts.map((text, position) => {
      let found = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ([] as string[])
      if (found.length > maxLength) {
        found = found.slice(0, maxLength)
        truncated.push(position)
      }
      tokens += found.length
      if (found.includes("explode")) throw new Error("the model exploded")
      const counts = new Map<number, number>()
      for (const word of found) {
        const id = hashName(word) % vocabulary
        words.set(id, word)
        counts.set(id, (counts.get(id) ?? 0) + 1)
      }
      const ids = Uint32Array.from([...counts.keys()].sort((left, right) => left - right))
      // No weight is a whole number of steps, so that rounding is part of what is checked.
      const weights = Float32Array.from(ids, (id) =>
        found.includes("notanumber") ? Number.NaN : scale * Math.log(1.7 + counts.get(id)! + (id % 7) / 10),
      )
      return { ids, weights }
    })
    return { vectors, tokens, truncated }
  }
  return {
    name,
    checksum,
    fingerprint: fingerprint || `${checksum} ${maxLength}`,
    vocabulary,
    maxLength,
    calls,
    embed,
    termOf: (id) => words.get(id),
    encode: async (texts) => (await embed(texts)).vectors,
    [Symbol.asyncDispose]: async () => {},
  }
}
