/** The closed union of errors, and the tables that map a code to an exit code. @module */

/**
 * Every way in which Rankine fails.
 *
 * - `argument`: a call or a command line asks for something that makes no sense.
 * - `configuration`: a pipeline file or option object does not fit its schema.
 * - `data`: a file or a document is malformed; the message names file and line.
 * - `not-found`: a file, an index, a data set or a name does not exist.
 * - `index-version`: an index was written by an incompatible version.
 * - `index-corrupt`: a checksum of an index does not match.
 * - `storage`: writing or reading a file failed (full disk, permissions).
 * - `network`: a download or a remote service failed.
 * - `checksum`: a download arrived whole, yet with other content than announced.
 * - `dependency`: an optional package is not installed.
 * - `score-kind`: scores of a kind that the operation cannot use (fusing ordinal scores, NaN).
 * - `model`: a model or a remote model failed or answered nonsense.
 * - `budget`: a budget ran out before anything was ranked.
 * - `busy`: a queue is full; the same request may succeed later.
 * - `aborted`: the caller's AbortSignal fired.
 * - `internal`: a bug of ours.
 */
export type ErrorCode =
  | "argument"
  | "configuration"
  | "data"
  | "not-found"
  | "index-version"
  | "index-corrupt"
  | "storage"
  | "network"
  | "checksum"
  | "dependency"
  | "score-kind"
  | "model"
  | "budget"
  | "busy"
  | "aborted"
  | "internal"

/** An error with a code from the closed union. The message says what to do. */
export class RankineError extends Error {
  override readonly name = "RankineError"
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: Record<string, unknown> } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }
}

/** Exit codes of the command line: 0 done, 7 done with queries that failed or were only partly ranked. */
export const exitCodes: Readonly<Record<ErrorCode, number>> = {
  internal: 1,
  argument: 2,
  configuration: 2,
  dependency: 3,
  "not-found": 4,
  storage: 4,
  data: 5,
  "index-version": 5,
  "index-corrupt": 5,
  checksum: 5,
  "score-kind": 5,
  network: 6,
  model: 6,
  busy: 6,
  budget: 7,
  aborted: 130,
}

/** Exit code of a command that finished although some queries failed or were only partly ranked. */
export const EXIT_PARTIAL = 7

/** Turns anything thrown into a RankineError; one that already is stays the same object. */
export function toRankineError(thrown: unknown, fallback: ErrorCode = "internal"): RankineError {
  if (thrown instanceof RankineError) return thrown
  if (thrown instanceof Error) {
    if (thrown.name === "AbortError") return new RankineError("aborted", "stopped by the caller", { cause: thrown })
    return new RankineError(fallback, thrown.message, { cause: thrown })
  }
  return new RankineError(fallback, String(thrown))
}

/** Throws the `aborted` error when the signal has fired. Cheap enough to call once per query. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new RankineError("aborted", "stopped by the caller", { cause: signal.reason })
}
