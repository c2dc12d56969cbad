/** What a decoder that is ready to run offers: tokens in, logits of chosen places out, keys and values kept where they were computed. @module */
import type { OnnxSession } from "../../onnx/session.js"
import type { Tensor } from "../../onnx/tensor.js"
import type { FilePrecision } from "../encoder/precision.js"
import type { DecoderConfig } from "./config.js"

/**
 * Keys and values of the tokens that some rows have read so far. They stay in the worker (or on the device) that computes;
 * here are only their numbers. To be disposed of; the session's disposal does it too.
 */
export interface DecoderCache extends AsyncDisposable {
  /** Tokens that each row holds. */
  readonly lengths: readonly number[]
  /** Memory that it takes. */
  readonly bytes: number
  /** Forgets the tokens of each row from this length on. Costs nothing. Throws `argument` for a length that is greater than the row's. */
  rewind(lengths: readonly number[]): void
}

/** An adapter's tensors in the worker, sent there once. Disposed of like a cache. */
export interface DecoderAdapter extends AsyncDisposable {
  readonly bytes: number
}

/** Places among the tokens of a call, for each row: `[[2], [0, 5]]` are the third of the first row and two of the second. */
export type LogitPlaces = "last" | "all" | "none" | readonly (readonly number[])[]

export interface ReadOptions {
  /**
   * The rows go on where those of the cache stopped, and the cache holds the new tokens afterwards. With a cache of one row
   * and `keep: false` any number of rows may be given: all go on from the same prefix.
   */
  readonly cache?: DecoderCache
  /** False: the cache is as it was before the call. Default true. */
  readonly keep?: boolean
  /** After which tokens logits are computed; no others are. Default `last`. */
  readonly logits?: LogitPlaces
  /** Default: the base model. */
  readonly adapter?: DecoderAdapter | undefined
  readonly signal?: AbortSignal | undefined
}

export interface DecoderReading {
  /** For each row, `vocabulary` numbers for each place that was asked for. */
  readonly logits: readonly Float32Array[]
}

/** A decoder in a session; it holds native memory until it is disposed of. */
export interface DecoderSession extends AsyncDisposable {
  readonly config: DecoderConfig
  /** Most tokens of a row, those of its cache included. */
  readonly contextLength: number
  /** Of the weights; with the precision after it where that is not `fp32`. */
  readonly checksum: string
  readonly precision: FilePrecision
  readonly device: OnnxSession["device"]
  readonly deviceReason: string
  /** Bytes that a cache takes for each token of a row. */
  readonly cacheBytesPerToken: number
  /**
   * Reads one or more tokens of each row. Rows of any lengths go together and do not change each other's numbers. One call at a
   * time for each cache; calls for different caches may be started side by side and take turns.
   * @throws RankineError `argument` for rows that are empty, too long, or have ids outside the vocabulary, and for a cache of
   *   another session; `model` where the run fails (with a lost worker its caches are lost: begin them again); `aborted`
   */
  read(rows: readonly (readonly number[])[], options?: ReadOptions): Promise<DecoderReading>
  /** An empty cache of so many rows, with room for so many tokens of each; it grows by itself where that is too little. */
  createCache(rows: number, capacity?: number): Promise<DecoderCache>
  /** A new cache with these rows of another, in this order, repeated where they are; the other stays as it is. */
  selectRows(cache: DecoderCache, rows: readonly number[], capacity?: number): Promise<DecoderCache>
  /** Sends an adapter's tensors, by the names of the graph's inputs. Throws `argument` where the session was loaded without slots for it. */
  loadAdapter(tensors: Readonly<Record<string, Tensor>>): Promise<DecoderAdapter>
}
