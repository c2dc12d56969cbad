export interface EncoderLike {
  embed(texts: readonly string[], side: "query" | "document", options?: object): unknown
  encode(texts: readonly string[], side: "query" | "document", options?: object): unknown
}
export function withCachedDocuments<Encoder extends EncoderLike>(encoder: Encoder, cached: EncoderLike): Encoder
export function observeIndexes(options: {
  load: (path: string) => Promise<unknown>
  cacheDirectory?: string
}): Promise<{ truncated(): number; cached(): boolean }>
