import type { TrainingRow } from "./run.mjs"

export interface TrainingResult {
  readonly parts: readonly { readonly name: string; readonly targets: string; readonly rows: readonly TrainingRow[] }[]
}
export function checkTrainingMarks(
  result: TrainingResult,
): { name: string; wanted: string; value: string; met: boolean }[]
