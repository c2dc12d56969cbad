/** The formulas of BM25 and its variants, in float32 where Lucene computes in float32. @module */
import type { Bm25Variant } from "./options.js"

export interface ScoringParameters {
  readonly variant: Bm25Variant
  readonly norm: "lucene" | "exact"
  readonly k1: number
  readonly b: number
  readonly delta: number
}

const f32 = Math.fround

/** Default `delta` of the variants that have one (Lv and Zhai, CIKM 2011 and SIGIR 2011). */
export const defaultDelta: Readonly<Record<Bm25Variant, number>> = {
  lucene: 0,
  robertson: 0,
  atire: 0,
  bm25l: 0.5,
  "bm25+": 1,
}

/** How much one occurrence of a term that `df` of `n` documents hold is worth; a float32 number. */
export function inverseDocumentFrequency(variant: Bm25Variant, n: number, df: number): number {
  switch (variant) {
    case "lucene":
      return f32(Math.log(1 + (n - df + 0.5) / (df + 0.5)))
    case "robertson":
      return f32(Math.max(0, Math.log((n - df + 0.5) / (df + 0.5))))
    case "atire":
      return f32(Math.log(n / df))
    case "bm25l":
      return f32(Math.log((n + 1) / (df + 0.5)))
    case "bm25+":
      return f32(Math.log((n + 1) / df))
  }
}

// Lucene keeps a length in one byte: exact below 24, then a float with three bits behind the leading one.
const EXACT_LENGTHS = 24

function encodeLength(length: number): number {
  if (length < EXACT_LENGTHS) return length
  const rest = length - EXACT_LENGTHS
  const bits = 32 - Math.clz32(rest)
  if (bits < 4) return EXACT_LENGTHS + rest
  const shift = bits - 4
  return EXACT_LENGTHS + (((rest >>> shift) & 7) | ((shift + 1) << 3))
}

function decodeLength(code: number): number {
  if (code < EXACT_LENGTHS) return code
  const rest = code - EXACT_LENGTHS
  const shift = (rest >>> 3) - 1
  return EXACT_LENGTHS + (shift < 0 ? rest & 7 : ((rest & 7) | 8) * 2 ** shift)
}

/** The length that Lucene's one-byte norm remembers of a length. */
export function lossyLength(length: number): number {
  return decodeLength(encodeLength(length))
}

/**
 * What a document's length does to its term frequencies: for `lucene` the float32 factor 1 / (k1 (1 - b + b L / avg)),
 * for the other variants 1 - b + b L / avg.
 */
export function lengthFactor(parameters: ScoringParameters, length: number, average: number): number {
  const known = parameters.norm === "lucene" ? lossyLength(length) : length
  if (parameters.variant !== "lucene") return 1 - parameters.b + (parameters.b * known) / average
  const k1 = f32(parameters.k1)
  const b = f32(parameters.b)
  return f32(1 / f32(k1 * f32(f32(1 - b) + f32(f32(b * known) / f32(average)))))
}

/** The float32 score that `tf` occurrences add, for a weight (idf times boost) and the document's length factor. */
export function impact(parameters: ScoringParameters, weight: number, tf: number, factor: number): number {
  if (parameters.variant === "lucene") return f32(weight - f32(weight / f32(1 + f32(tf * factor))))
  return f32(weight * saturation(parameters, tf, factor))
}

function saturation({ variant, k1, delta }: ScoringParameters, tf: number, norm: number): number {
  if (variant === "bm25l") {
    const c = tf / norm + delta
    return ((k1 + 1) * c) / (k1 + c)
  }
  const classic = ((k1 + 1) * tf) / (k1 * norm + tf)
  return variant === "bm25+" ? classic + delta : classic
}

/**
 * The boost of a term that stands `tf` times in a query of `length` terms when the query's side is saturated too:
 * the term's idf once more, times its saturated frequency (Anserini's query-side BM25, arXiv 2509.02558).
 */
export function querySideBoost(
  k1: number,
  b: number,
  idf: number,
  tf: number,
  length: number,
  average: number,
): number {
  return f32(idf * f32(tf / (tf + k1 * (1 - b + b * (length / average)))))
}
