/** Judgements and runs: what an evaluation reads. @module */

/** Query id → document id → grade. Grades are usually whole numbers; fractions are taken as they are. */
export type Qrels = ReadonlyMap<string, ReadonlyMap<string, number>>

/** One line of a run. */
export interface RunHit {
  readonly id: string
  readonly score: number
}

/** Query id → its hits, in the order in which they are to be evaluated. */
export type Run = ReadonlyMap<string, readonly RunHit[]>
