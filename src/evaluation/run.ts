/** One line of a run. */
export interface RunHit {
  readonly id: string
  readonly score: number
}

/** Query id → its hits, in the order in which they are to be evaluated. */
export type Run = ReadonlyMap<string, readonly RunHit[]>
