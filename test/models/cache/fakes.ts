/** Models whose answers are computed from the text, and which count what they were asked. @module */
import { createHash } from "node:crypto"
import { throwIfAborted } from "../../../src/core/errors.js"
import type { EmbeddingModel, Embeddings } from "../../../src/models/embedding-model.js"
import { fingerprintOf } from "../../../src/models/fingerprint.js"
import type { PairScorer } from "../../../src/models/pair-scorer.js"
import type { SparseEncoder } from "../../../src/models/sparse-encoder.js"

/** 32 bytes that nothing else has. */
function digest(...parts: readonly string[]): Buffer {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(Buffer.from(part, "utf16le")).update("|")
  return hash.digest()
}

const lengthOf = (text: string) => 2 + (text.length % 7)
const isLong = (text: string) => text.length % 5 === 4

export interface FakeModel extends EmbeddingModel {
  /** `side: text` of everything that was computed. */
  readonly computed: string[]
}

export interface FakeSettings {
  readonly precision?: string
  readonly prompts?: { readonly query: string; readonly document: string }
  readonly dimension?: number
  /** Awaited by every call; may throw. */
  readonly before?: (texts: readonly string[]) => unknown
}

export function fakeModel({
  precision = "fp32",
  prompts = { query: "", document: "" },
  dimension = 8,
  before,
}: FakeSettings = {}): FakeModel {
  const computed: string[] = []
  const fingerprint = fingerprintOf("fake", { precision, prompts, dimension })
  const embed: EmbeddingModel["embed"] = async (texts, side, { signal, onProgress } = {}): Promise<Embeddings> => {
    throwIfAborted(signal)
    computed.push(...texts.map((text) => `${side}: ${text}`))
    await before?.(texts)
    throwIfAborted(signal)
    onProgress?.({ stage: "embed", done: texts.length, total: texts.length, unit: "texts" })
    const lengths = texts.map(lengthOf)
    return {
      vectors: texts.map((text) => {
        const bytes = new Uint8Array(digest(precision, side, prompts[side], text))
        // Any bits, those of NaN too.
        return Float32Array.from({ length: dimension }, (_, index) => new Float32Array(bytes.buffer)[index % 8])
      }),
      lengths,
      tokens: lengths.reduce((sum, length) => sum + length, 0),
      truncated: texts.flatMap((text, index) => (isLong(text) ? [index] : [])),
    }
  }
  return {
    name: "fake",
    dimension,
    pooling: "mean",
    normalized: false,
    maxLength: undefined,
    prompts,
    precision,
    checksum: "c",
    fingerprint,
    computed,
    embed,
    encode: async (texts, side, options) => (await embed(texts, side, options)).vectors,
  }
}

export function fakeScorer(fingerprint = "scorer"): PairScorer & { readonly computed: string[] } {
  const computed: string[] = []
  return {
    name: "fake",
    scoreKind: "logit",
    fingerprint,
    maxLength: 128,
    computed,
    async score(pairs) {
      computed.push(...pairs.map(({ query, document }) => `${query}|${document}`))
      const lengths = pairs.map(({ document }) => lengthOf(document))
      return {
        scores: pairs.map(({ query, document }) => digest(fingerprint, query, document).readInt32LE() / 3),
        lengths,
        tokens: lengths.reduce((sum, length) => sum + length, 0),
        truncated: pairs.flatMap(({ document }, index) => (isLong(document) ? [index] : [])),
      }
    },
  }
}

export function fakeSparse(): SparseEncoder & { readonly computed: string[]; disposed: boolean } {
  const computed: string[] = []
  const embed: SparseEncoder["embed"] = async (texts, side) => {
    computed.push(...texts.map((text) => `${side}: ${text}`))
    return {
      vectors: texts.map((text) => {
        const bytes = digest(side, text)
        const count = text.length % 6
        return {
          ids: Uint32Array.from({ length: count }, (_, index) => 1000 * index + bytes[index]),
          weights: Float32Array.from({ length: count }, (_, index) => bytes[8 + index] / 7),
        }
      }),
      tokens: texts.length,
      lengths: texts.map(() => 1),
      truncated: [],
    }
  }
  return {
    name: "fake",
    checksum: "c",
    fingerprint: "sparse",
    vocabulary: 10_000,
    maxLength: 128,
    computed,
    disposed: false,
    termOf: (id) => `term ${id}`,
    embed,
    encode: async (texts, side) => (await embed(texts, side)).vectors,
    async [Symbol.asyncDispose]() {
      this.disposed = true
    },
  }
}

/** The bits of vectors, for comparisons that tell NaN from NaN and 0 from -0. */
export function bitsOf(vectors: readonly Float32Array[]): number[][] {
  return vectors.map((vector) => [...new Uint32Array(vector.slice().buffer)])
}
