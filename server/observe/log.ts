/** Structured logs of requests, without a word of what was asked. @module */
import type { Request } from "express"
import { type DestinationStream, type Logger, pino } from "pino"
import type { Outcome } from "../http/mount.js"

export type Log = Logger

export function openLog(level: string, destination?: DestinationStream): Log {
  const options = { level, base: { service: "rankine" } }
  return destination ? pino(options, destination) : pino(options)
}

/** One line for each request: who, where, how it ended, how long it took. Faults of ours carry their stack here, and only here. */
export function logOutcome(log: Log, outcome: Outcome, request: Request, requestId: string, client: string): void {
  const { error, code, seconds, timings, ...rest } = outcome
  const line = {
    requestId,
    ...(client === "" ? {} : { client }),
    method: request.method,
    ...rest,
    ...(code === undefined ? {} : { code }),
    milliseconds: Math.round(seconds * 1000),
    ...(timings?.queue === undefined ? {} : { queueMilliseconds: Math.round(timings.queue * 1000) }),
  }
  if (outcome.status >= 500) log.error({ ...line, ...(error ? { err: error } : {}) }, "failed")
  else log.info(line, "answered")
}
