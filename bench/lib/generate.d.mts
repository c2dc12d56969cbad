export interface GeneratedShape {
  readonly seed: number
  readonly vocabulary: number
  readonly exponent: number
  readonly minimumWords: number
  readonly maximumWords: number
  readonly queries: number
  readonly minimumQueryWords: number
  readonly maximumQueryWords: number
}
export const generatedShape: GeneratedShape
export function randomBits(seed: number): () => number
export function zipfSampler(vocabulary: number, exponent: number, next: () => number): () => number
export function generateDocuments(count: number, shape?: GeneratedShape): Generator<Uint32Array>
export function writeGenerated(
  count: number,
  corpusFile: string,
  queryFile: string,
  options?: { shape?: GeneratedShape; onProgress?: (documents: number) => void },
): Promise<void>
