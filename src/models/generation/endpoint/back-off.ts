/** How long to wait before the next try. @module */
import { setTimeout as sleep } from "node:timers/promises"
import { RankineError } from "../../../core/errors.js"
import { Random } from "../../../core/random.js"

export interface BackOff {
  /** Tries after the first. Default 5. */
  readonly retries: number
  /** Seconds before the first retry; doubled for each one after. Default 0.5. */
  readonly first: number
  /** Most seconds between two tries, whatever a server asks for. Default 60. */
  readonly longest: number
}

export const defaultBackOff: BackOff = { retries: 5, first: 0.5, longest: 60 }

/** Statuses after which the same request may succeed. */
const PASSING: ReadonlySet<number> = new Set([408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529])

export function mayPass(status: number): boolean {
  return PASSING.has(status)
}

/** Seconds that a Retry-After header asks for: a number, or a date. */
export function retryAfter(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined || header.trim() === "") return undefined
  const seconds = Number(header)
  if (Number.isFinite(seconds)) return Math.max(0, seconds)
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1000)
}

/**
 * Seconds before try number `attempt` (1 is the first retry): what the server asks for, else twice as long each time, spread by up to a half
 * so that clients refused together do not come back together.
 */
export function waitBefore(
  attempt: number,
  asked: number | undefined,
  { first, longest }: BackOff,
  id: number,
): number {
  if (asked !== undefined) return Math.min(asked, longest)
  const spread = 0.5 + new Random(id, "back-off", attempt).float() / 2
  return Math.min(first * 2 ** (attempt - 1), longest) * spread
}

/** Throws `aborted` as soon as the signal fires. */
export async function wait(seconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(seconds * 1000, undefined, signal ? { signal } : {})
  } catch (cause) {
    throw new RankineError("aborted", "stopped by the caller", { cause })
  }
}
