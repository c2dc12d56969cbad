/** Which pages of other origins may ask: none, unless the configuration names them. @module */
import cors from "cors"
import type { RequestHandler } from "express"

const EXPOSED = ["x-request-id", "x-total-time", "x-compute-time", "x-queue-time", "x-inference-time", "retry-after"]

/** Answers preflights and marks answers for the origins given; `*` stands for all. */
export function crossOrigin(origins: readonly string[]): RequestHandler {
  if (origins.length === 0) return (_request, _response, next) => next()
  return cors({
    origin: origins.includes("*") ? "*" : [...origins],
    exposedHeaders: EXPOSED,
    maxAge: 600,
  })
}
