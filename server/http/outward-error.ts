/** What is said of errors to those outside: a status, and words that give nothing away. @module */
import type { RankineError } from "../../src/core/index.js"

/** By code, as most dialects have it; each may differ. */
export const usualStatus: Readonly<Record<string, number>> = {
  argument: 400,
  configuration: 400,
  data: 400,
  "not-found": 404,
  busy: 429,
  budget: 504,
  aborted: 499,
  network: 502,
  storage: 507,
}

/** What is said of errors whose own words may name what is nobody's business. */
const inwardMessages: Readonly<Record<number, string>> = {
  424: "the model failed: see the server's log",
  502: "another service that this server asks did not answer as it should: see the server's log",
  507: "the server's disk does not take it: see the server's log",
}

/** The status of an error, and what may be said of it: our own faults are told in the log only. */
export function outwardError(
  error: RankineError,
  table: Readonly<Record<string, number>> = usualStatus,
): { readonly status: number; readonly message: string } {
  const status = table[error.code] ?? 500
  const inward = inwardMessages[status]
  if (inward === undefined && (status < 500 || status === 504)) return { status, message: error.message }
  return { status, message: inward ?? "the model failed: see the server's log" }
}
