/** What a measure is: a definition (one per file) and a definition with its parameters filled in. @module */

/** One query's ranking with what is known about it. */
export interface JudgedRanking {
  readonly ids: readonly string[]
  /** The grade of each ranked document, `undefined` where the query has no judgement of it. */
  readonly grades: readonly (number | undefined)[]
  /** All judgements of the query. */
  readonly judgements: ReadonlyMap<string, number>
  /** Whether any query of the qrels judges this document. */
  isJudgedAnywhere(id: string): boolean
}

export type Gains = "linear" | "exponential"

export interface MeasureParameters {
  /** Only the first `cutoff` hits count. */
  readonly cutoff?: number
  /** The lowest grade that counts as relevant. */
  readonly rel?: number
  /** What a grade is worth: itself, or 2^grade - 1. */
  readonly gains?: Gains
  /** Persistence of RBP: the probability of going on to the next hit. */
  readonly p?: number
  /** The highest grade of the judgements' scale, for ERR. */
  readonly max?: number
}

/** Parameters with every default filled in; no cut-off is `Infinity`. */
export type FilledParameters = Required<MeasureParameters>

export interface MeasureDefinition {
  readonly name: string
  readonly aliases: readonly string[]
  readonly summary: string
  /** The publication or program that defines it. */
  readonly source: string
  readonly cutoff: "required" | "optional" | "none"
  /** The parameters it takes, apart from the cut-off, with their defaults. */
  readonly defaults: Omit<MeasureParameters, "cutoff">
  /** False for measures of which less is better, such as hole. */
  readonly higherIsBetter: boolean
  /** The value for one query; 0 for an empty ranking, and 0 where the query has nothing relevant. */
  compute(ranking: JudgedRanking, parameters: FilledParameters): number
}

/** A measure ready to use. `name` is its canonical text, which `parseMeasure` reads back: `nDCG@10`, `AP(rel=2)`. */
export interface Measure {
  readonly name: string
  readonly definition: MeasureDefinition
  readonly parameters: FilledParameters
  readonly higherIsBetter: boolean
  compute(ranking: JudgedRanking): number
}

/** How many of a query's judged documents have at least the grade `rel`. */
export function countRelevant(ranking: JudgedRanking, rel: number): number {
  let count = 0
  for (const grade of ranking.judgements.values()) if (grade >= rel) count++
  return count
}

/** How many of the first `depth` hits have at least the grade `rel`. */
export function countRelevantRanked(ranking: JudgedRanking, rel: number, depth: number): number {
  let count = 0
  const end = Math.min(depth, ranking.grades.length)
  for (let i = 0; i < end; i++) if (ranking.grades[i] !== undefined && ranking.grades[i]! >= rel) count++
  return count
}
