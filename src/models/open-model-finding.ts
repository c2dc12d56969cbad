import type { ErrorCode } from "../core/errors.js"

/** One thing that was looked at. */
export interface Finding {
  readonly status: "ok" | "problem"
  readonly what: string
  /** What to do about a problem. */
  readonly remedy?: string
  /** Of a problem. */
  readonly code?: ErrorCode
}

export const AGAIN = "copy or download the model again"
