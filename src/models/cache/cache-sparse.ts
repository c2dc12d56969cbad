import type { RunOptions } from "../../core/contracts.js"
import type { SparseEmbeddings, SparseEncoder, SparseVector } from "../sparse-encoder.js"
import { disposeOf, knownOf, requireText, totals } from "./cache-embeddings.js"
import { sparseCodec } from "./codecs.js"
import type { ModelCache } from "./open-cache.js"
import { namespaceOf, textHash } from "./record.js"
import { throughCache } from "./through-cache.js"

/** The same encoder, which computes no vector that the cache knows; otherwise as `cacheEmbeddings`. */
export function cacheSparse(encoder: SparseEncoder, cache: ModelCache): SparseEncoder {
  const { name, checksum, fingerprint, vocabulary, maxLength } = encoder
  const namespaces = {
    query: namespaceOf("sparse", fingerprint, "query"),
    document: namespaceOf("sparse", fingerprint, "document"),
  }
  const embed = async (
    texts: readonly string[],
    side: "query" | "document",
    options: RunOptions = {},
  ): Promise<SparseEmbeddings> => {
    const { known, cached } = await throughCache<SparseVector>(
      {
        records: cache.records,
        codec: sparseCodec,
        count: texts.length,
        keyOf: (position) => Buffer.concat([namespaces[side], textHash(requireText(texts, position))]),
        async compute(positions, run) {
          const some = positions.map((position) => texts[position]!)
          const { vectors, ...rest } = await encoder.embed(some, side, run)
          return knownOf(vectors, rest)
        },
        copy: ({ ids, weights }) => ({ ids: ids.slice(), weights: weights.slice() }),
      },
      options,
    )
    return { vectors: known.map(({ value }) => value), ...totals(known), cached }
  }
  return {
    name,
    checksum,
    fingerprint,
    vocabulary,
    maxLength,
    languages: encoder.languages,
    termOf: (id) => encoder.termOf(id),
    embed,
    encode: async (texts, side, options) => (await embed(texts, side, options)).vectors,
    [Symbol.asyncDispose]: () => disposeOf(encoder),
  }
}
