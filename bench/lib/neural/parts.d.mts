export interface NeuralParts {
  /** Documents cut, in the index where that were most; undefined where no index tells. */
  truncated(): number | undefined
  /** Did a cache answer for the model? */
  cached(): boolean
}
export function registerNeuralParts(options: {
  load: (path: string) => Promise<unknown>
  threads?: number
  cacheDirectory?: string
}): Promise<NeuralParts>
