/** What a fusion method is: one per file in `methods/`, gathered in `methods/index.ts`. @module */
import type { ScoreKind } from "../../src/core/index.js"

/** One ranked list seen from the union of all documents: entry `d` belongs to document `d` of the union. */
export interface Column {
  /** 1 for the best hit; 0 for a document that the list does not hold. */
  readonly ranks: Int32Array
  /** The scores as given, or normalised; NaN for a document that the list does not hold. */
  readonly scores: Float64Array
  /** How many documents the list holds. */
  readonly length: number
}

/** The parameters that methods may ask for. */
export interface FusionParameters {
  /** RRF: how much the first ranks are flattened. Default 60. */
  readonly k?: number
  /** RBC: the persistence of the reader, in (0, 1). Default 0.8. */
  readonly phi?: number
  /** CombGMNZ: the exponent of the number of lists. Default 1.5. */
  readonly gamma?: number
  /** logN-ISR: keeps documents of a single list above zero, in [0, 1]. Default 0.01. */
  readonly sigma?: number
}

export type ParameterName = keyof FusionParameters

export interface FusionInput {
  readonly columns: readonly Column[]
  /** One per column; all 1 for a method that takes none. */
  readonly weights: readonly number[]
  /** Size of the union. */
  readonly count: number
  readonly parameters: Required<FusionParameters>
  /** The documents of the union in the order of their ids, for methods whose result depends on a starting order. */
  readonly byId: () => Int32Array
}

export interface Fused {
  readonly scores: Float64Array
  /** What each list contributes to each score, where the score is a sum of contributions. */
  readonly parts?: readonly Float64Array[]
}

export interface FusionMethod {
  readonly name: string
  /** `ranks`: only the order of the lists is read. `scores`: the lists' scores are read, after normalisation. */
  readonly input: "ranks" | "scores"
  readonly weighted: boolean
  readonly parameters: readonly ParameterName[]
  /** False for a method that brings its own normalisation. */
  readonly normalised: boolean
  /** `ordinal` where the value carries an order only; `same` where it is a value of one of the lists' own scales. */
  readonly scale: "ordinal" | "sum" | "same"
  combine(input: FusionInput): Fused
}

export const parameterDefaults: Required<FusionParameters> = { k: 60, phi: 0.8, gamma: 1.5, sigma: 0.01 }

/** Scores as sums of what each list contributes; lists are added in their order. */
export function sumOfParts(parts: readonly Float64Array[], count: number): Fused {
  const scores = new Float64Array(count)
  for (const part of parts) for (let d = 0; d < count; d++) scores[d]! += part[d]!
  return { scores, parts }
}

/** A method whose contribution per list depends on nothing but the rank and the list's weight. */
export function rankParts(input: FusionInput, value: (rank: number) => number): Float64Array[] {
  return input.columns.map(({ ranks }, list) => {
    const weight = input.weights[list]!
    return Float64Array.from(ranks, (rank) => (rank === 0 ? 0 : weight * value(rank)))
  })
}

/** How many lists hold each document. */
export function listCounts(input: FusionInput): Int32Array {
  const counts = new Int32Array(input.count)
  for (const { scores } of input.columns)
    for (let d = 0; d < input.count; d++) if (!Number.isNaN(scores[d])) counts[d]!++
  return counts
}

/** Multiplies what every list contributes by a factor of the document. */
export function scaleParts(parts: readonly Float64Array[], factor: (document: number) => number): Float64Array[] {
  return parts.map((part) => part.map((value, document) => value * factor(document)))
}

/**
 * The kind of the fused scores. Ranks turned into numbers stay `ordinal`. A value picked from lists of one kind, without normalisation,
 * keeps that kind. Every other fusion by score is an additive score without a fixed range, which is what `dot` stands for.
 */
export function fusedScoreKind(method: FusionMethod, norm: string, kinds: readonly ScoreKind[]): ScoreKind {
  if (method.scale === "ordinal" || norm === "rank" || norm === "borda") return "ordinal"
  if (method.scale === "same" && norm === "none" && kinds.length > 0 && kinds.every((kind) => kind === kinds[0]))
    return kinds[0]!
  return "dot"
}
