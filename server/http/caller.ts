/** Who asks: request id, client, and a signal for when nobody waits for the answer any more. @module */
import { randomUUID } from "node:crypto"
import type { Request, RequestHandler, Response } from "express"
import { RankineError } from "../../src/core/index.js"
import type { Caller } from "../service-types.js"

/** What clients may send as theirs: short, printable, and nothing that could break a log line. */
const REQUEST_ID = /^[\w.:-]{1,128}$/

/** Gives every request an id: the client's own `x-request-id` where it has one that is fit, else a new one. */
export function requestIds(): RequestHandler {
  return (request, response, next) => {
    const given = request.get("x-request-id")
    const id = given !== undefined && REQUEST_ID.test(given) ? given : randomUUID()
    response.locals.requestId = id
    response.setHeader("x-request-id", id)
    next()
  }
}

export function requestIdOf(response: Response): string {
  return String(response.locals.requestId ?? "")
}

/**
 * The caller of a request. Its signal fires when the connection closes before the answer was sent, and when `stopping` fires.
 *
 * @param seconds how long the answer may take
 */
export function callerOf(request: Request, response: Response, seconds: number, stopping: AbortSignal): Caller {
  const controller = new AbortController()
  response.once("close", () => {
    if (!response.writableFinished) controller.abort(new RankineError("aborted", "the client left"))
  })
  // What has no queue that knows of deadlines stops at the signal.
  const timer = setTimeout(() => controller.abort(), seconds * 1000)
  response.once("close", () => clearTimeout(timer))
  return {
    requestId: requestIdOf(response),
    client: String(response.locals.client ?? request.ip ?? "unknown"),
    signal: AbortSignal.any([controller.signal, stopping]),
    deadline: Date.now() + seconds * 1000,
  }
}
