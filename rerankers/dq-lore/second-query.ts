import type { Hit, Query, Usage } from "../../src/core/index.js"

export interface SecondQuery {
  readonly text: string
  /** What it cost to find it. */
  readonly usage?: Usage
}

/** What is looked for in the second place: the query and a chain of thought, or any text that says more than the query. */
export type MakeSecondQuery = (
  query: Query,
  hits: readonly Hit[],
  options: { readonly signal?: AbortSignal; readonly seed?: number },
) => Promise<SecondQuery | string> | SecondQuery | string
