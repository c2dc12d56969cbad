import type { RunOptions } from "../../core/contracts.js"
import { RankineError } from "../../core/errors.js"
import type { EmbeddingModel, Embeddings } from "../embedding-model.js"
import { denseCodec } from "./codecs.js"
import type { ModelCache } from "./open-cache.js"
import { type Known, namespaceOf, textHash } from "./record.js"
import { throughCache } from "./through-cache.js"

/**
 * The same model, which computes no vector that the cache knows: bit for bit what the model once gave for that text alone among whatever
 * ran beside it. Texts that are asked for twice at once are computed once. `cached` says how many tokens that saved.
 *
 * The key holds the model's fingerprint: another model, precision, prompt or length never meets its vectors. The model stays the caller's;
 * disposing of this one disposes of it.
 */
export function cacheEmbeddings(model: EmbeddingModel, cache: ModelCache): EmbeddingModel & AsyncDisposable {
  const { name, dimension, pooling, normalized, maxLength, prompts, precision, checksum, fingerprint } = model
  const codec = denseCodec(dimension)
  const namespaces = {
    query: namespaceOf("dense", fingerprint, "query"),
    document: namespaceOf("dense", fingerprint, "document"),
  }

  const embed = async (
    texts: readonly string[],
    side: "query" | "document",
    options: RunOptions = {},
  ): Promise<Embeddings> => {
    const { known, cached } = await throughCache<Float32Array>(
      {
        records: cache.records,
        codec,
        count: texts.length,
        keyOf: (position) => Buffer.concat([namespaces[side], textHash(requireText(texts, position))]),
        async compute(positions, run) {
          const some = positions.map((position) => texts[position]!)
          const { vectors, ...rest } = await model.embed(some, side, run)
          return knownOf(vectors, rest)
        },
        copy: (vector) => vector.slice(),
      },
      options,
    )
    return { vectors: known.map(({ value }) => value), ...totals(known), cached }
  }
  return {
    name,
    dimension,
    pooling,
    normalized,
    maxLength,
    prompts,
    precision,
    checksum,
    fingerprint,
    languages: model.languages,
    embed,
    encode: async (texts, side, options) => (await embed(texts, side, options)).vectors,
    [Symbol.asyncDispose]: () => disposeOf(model),
  }
}

export function requireText(texts: readonly string[], position: number): string {
  const text = texts[position]
  if (typeof text !== "string")
    throw new RankineError("argument", `text ${position + 1} of ${texts.length} is no string: give a string`)
  return text
}

/** A model's answers one by one. */
export function knownOf<Value>(
  values: readonly Value[],
  { lengths, truncated }: { readonly lengths?: readonly number[]; readonly truncated: readonly number[] },
): Known<Value>[] {
  const cut = new Set(truncated)
  return values.map((value, index) => ({ value, length: lengths?.[index], truncated: cut.has(index) }))
}

/** What a model says of all its answers together. The lengths of a model that does not say them count as 0. */
export function totals(known: readonly Known<unknown>[]) {
  const lengths = known.map(({ length }) => length ?? 0)
  return {
    tokens: lengths.reduce((sum, length) => sum + length, 0),
    lengths,
    truncated: known.flatMap(({ truncated }, index) => (truncated ? [index] : [])),
  }
}

export async function disposeOf(model: object): Promise<void> {
  if (Symbol.asyncDispose in model) await (model as AsyncDisposable)[Symbol.asyncDispose]()
}
