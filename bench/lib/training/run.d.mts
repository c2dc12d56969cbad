export interface TrainingRow {
  engine: string
  label?: string
  rounds?: number[]
  stopped?: string
  modules?: number
  loss?: number
  norm?: number
  loadedBytes?: number
  peakBytes?: number
  growthBytes?: number
  secondsRatio?: { median: number; minimum: number; maximum: number } | undefined
  growthRatio?: number | undefined
}
export function compare(rows: TrainingRow[]): void
