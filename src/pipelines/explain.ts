import { type Explanation, RankineError, type Ranking, type ScoreKind } from "../core/index.js"

/** What one stage did to a hit; ranks count from 1. */
export interface StageStep {
  readonly stage: string
  /** Absent where the hit was not in the ranking after this stage. */
  readonly rank?: number
  readonly score?: number
  /** How many hits there were after this stage. */
  readonly of: number
}

/** How a document came to its place, or where it was lost. */
export interface HitExplanation {
  readonly id: string
  readonly query: string
  /** Absent for a document that did not reach the end. */
  readonly rank?: number
  readonly score?: number
  readonly scoreKind: ScoreKind
  /** The stage that left the document out, where one did. */
  readonly lostAt?: string
  readonly stages: readonly StageStep[]
  /** Terms, lists and other parts that the score is made of. */
  readonly explanation?: Explanation
}

/**
 * Explains one document's place in a ranking that was made with `explain: true`: what its score is made of, and its rank and score after every
 * stage. Throws `argument` for a ranking made without it, `not-found` for a document that no stage has seen.
 */
export function explain(ranking: Ranking, id: string): HitExplanation {
  const position = ranking.hits.findIndex((hit) => hit.id === id)
  const hit = ranking.hits[position]
  const traced = ranking.stages.filter((trace) => trace.hits !== undefined)
  if (traced.length === 0 && !hit?.explanation)
    throw new RankineError("argument", "this ranking holds no explanations: retrieve with the option explain: true")
  const stages = traced.map(({ stage, hits }): StageStep => {
    const rank = hits!.findIndex((one) => one.id === id)
    return rank === -1
      ? { stage, of: hits!.length }
      : { stage, rank: rank + 1, score: hits![rank]!.score, of: hits!.length }
  })
  const seen = stages.findLastIndex((step) => step.rank !== undefined)
  if (!hit && seen === -1)
    throw new RankineError(
      "not-found",
      `document "${id}" was not retrieved for query "${ranking.query.id}": check the id, or retrieve deeper`,
    )
  const lostAt = hit ? undefined : (stages[seen + 1]?.stage ?? "the final cut to topK")
  return {
    id,
    query: ranking.query.text,
    ...(hit ? { rank: position + 1, score: hit.score } : {}),
    scoreKind: ranking.scoreKind,
    ...(lostAt === undefined ? {} : { lostAt }),
    stages,
    ...(hit?.explanation ? { explanation: hit.explanation } : {}),
  }
}

/** The explanation as an indented tree. */
export function renderExplanation(explained: HitExplanation): string {
  const { id, query, rank, score, scoreKind, lostAt, stages, explanation } = explained
  const place = rank === undefined ? `left out by ${lostAt}` : `rank ${rank}, score ${number(score!)} (${scoreKind})`
  return [
    `${id} for "${query}": ${place}`,
    ...(stages.length > 0 ? ["stages"] : []),
    ...stages.map((step) =>
      step.rank === undefined
        ? `  ${step.stage}: not among its ${step.of} hits`
        : `  ${step.stage}: rank ${step.rank} of ${step.of}, score ${number(step.score!)}`,
    ),
    ...(explanation ? ["score", ...tree(explanation, "  ")] : []),
  ].join("\n")
}

function tree({ value, description, details = [] }: Explanation, indent: string): string[] {
  return [`${indent}${number(value)}  ${description}`, ...details.flatMap((part) => tree(part, `${indent}  `))]
}

function number(value: number): string {
  return String(Number(value.toPrecision(6)))
}
