export interface Spread {
  readonly median: number
  readonly minimum: number
  readonly maximum: number
}
export function spread(values: readonly number[]): Spread | undefined
export function ratios(ours: readonly number[], theirs: readonly number[]): Spread | undefined
export type Rankings = ReadonlyMap<string, readonly string[]>
export function meanNdcg(
  rankings: Rankings,
  qrels: ReadonlyMap<string, ReadonlyMap<string, number>>,
  depth?: number,
): number
export function meanOverlap(left: Rankings, right: Rankings, depth?: number): number | undefined
