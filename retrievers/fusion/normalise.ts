/**
 * Score normalisations of one list, under ranx's names. Documents that the list does not hold stay NaN,
 * except under `borda`, which gives them the mean of the places left over.
 * Montague and Aslam, "Relevance score normalization for metasearch", CIKM 2001 (min-max, sum, zmuv);
 * Renda and Straccia, "Web metasearch: rank vs. score based rank aggregation methods", SAC 2003 (rank, borda).
 * @module
 */
import { RankineError } from "../../src/core/index.js"
import type { Column } from "./method.js"

export type Normalise = (column: Column, candidates: number) => Float64Array

function extent(scores: Float64Array): { lowest: number; highest: number; total: number } {
  let lowest = Number.POSITIVE_INFINITY
  let highest = Number.NEGATIVE_INFINITY
  let total = 0
  for (const score of scores)
    if (!Number.isNaN(score)) {
      if (score < lowest) lowest = score
      if (score > highest) highest = score
      total += score
    }
  return { lowest, highest, total }
}

/** (s - min) / (max - min). Where all scores are equal each becomes 1: a list with one hit says that it is the best there is. */
const minMax: Normalise = ({ scores }) => {
  const { lowest, highest } = extent(scores)
  const range = highest - lowest
  return scores.map((score) => (Number.isNaN(score) ? score : range > 0 ? (score - lowest) / range : 1))
}

/** (max - s) / (max - min), for lists of distances, where less is better. */
const minMaxInverted: Normalise = ({ scores }) => {
  const { lowest, highest } = extent(scores)
  const range = highest - lowest
  return scores.map((score) => (Number.isNaN(score) ? score : range > 0 ? (highest - score) / range : 1))
}

/** s / max. A best score below 0 would turn the order around, so it is refused. */
const max: Normalise = ({ scores, length }) => {
  const { highest } = extent(scores)
  if (length > 0 && highest < 0)
    throw new RankineError(
      "score-kind",
      `max normalisation needs a best score of at least 0, got ${highest}: use min-max or zmuv, or fuse by rank (rrf)`,
    )
  return scores.map((score) => (Number.isNaN(score) ? score : highest > 0 ? score / highest : 0))
}

/** (s - min) / the sum of all s - min; equal scores share the sum equally. */
const sum: Normalise = ({ scores, length }) => {
  const { lowest, highest, total } = extent(scores)
  const denominator = total - lowest * length
  return scores.map((score) =>
    Number.isNaN(score) ? score : highest > lowest ? (score - lowest) / denominator : 1 / length,
  )
}

/** The population's standard deviation around the mean; 0 for equal scores, whatever their mean was rounded to. */
function deviationOf(scores: Float64Array, mean: number, length: number): number {
  const { lowest, highest } = extent(scores)
  if (!(highest > lowest)) return 0
  let squares = 0
  for (const score of scores) if (!Number.isNaN(score)) squares += (score - mean) ** 2
  return Math.sqrt(squares / length)
}

/** Zero mean, unit variance (population): (s - mean) / deviation; equal scores become 0. */
const zmuv: Normalise = ({ scores, length }) => {
  const mean = extent(scores).total / length
  const deviation = deviationOf(scores, mean, length)
  return scores.map((score) => (Number.isNaN(score) ? score : deviation > 0 ? (score - mean) / deviation : 0))
}

/**
 * (s - min) / deviation: how many standard deviations a score lies above the end of its list. As zmuv, a list whose best stand out counts for
 * more than one whose scores are alike; as with min-max, what a list does not hold is never above what it holds. Equal scores become 1.
 */
const deviations: Normalise = ({ scores, length }) => {
  const { lowest, total } = extent(scores)
  const deviation = deviationOf(scores, total / length, length)
  return scores.map((score) => (Number.isNaN(score) ? score : deviation > 0 ? (score - lowest) / deviation : 1))
}

/** 1 - (rank - 1) / length of the list. */
const rank: Normalise = ({ ranks, length }) =>
  Float64Array.from(ranks, (place) => (place === 0 ? Number.NaN : 1 - (place - 1) / length))

/** 1 - (rank - 1) / N over the N documents of all lists; those not held get the mean of the places left. */
const borda: Normalise = ({ ranks, length }, candidates) =>
  Float64Array.from(ranks, (place) =>
    place === 0 ? 0.5 - (length - 1) / (2 * candidates) : 1 - (place - 1) / candidates,
  )

export const normalisations = {
  none: ({ scores }) => scores,
  "min-max": minMax,
  "min-max-inverted": minMaxInverted,
  max,
  sum,
  zmuv,
  deviations,
  rank,
  borda,
} as const satisfies Record<string, Normalise>

export type Normalisation = keyof typeof normalisations
export const normalisationNames = Object.keys(normalisations) as Normalisation[]
