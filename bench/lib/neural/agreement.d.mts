export interface Cosines {
  readonly lowestCosine: number
  readonly meanCosine: number
}
export interface Differences {
  readonly largestDifference: number
}
export function agreement(values: Float32Array, reference: Float32Array, width: number): Partial<Cosines & Differences>
