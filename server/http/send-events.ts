/** Server-sent events (WHATWG HTML, section 9.2). @module */
import { once } from "node:events"
import type { Response } from "express"
import { type RankineError, toRankineError } from "../../src/core/index.js"

export interface ServerEvent {
  readonly event: string
  readonly data: unknown
}

/** Proxies close connections on which nothing is said for a minute. */
const HEARTBEAT_MS = 15_000

/**
 * Sends events as they come. An error before the first event is thrown, so that it gets a status; one after it becomes an event `error`
 * and is returned. Ends when the client leaves.
 */
export async function sendEvents(
  response: Response,
  events: AsyncIterable<ServerEvent>,
  requestId: string,
  wordsFor: (error: RankineError) => string,
): Promise<RankineError | undefined> {
  const iterator = events[Symbol.asyncIterator]()
  let next = await iterator.next()
  response.status(200).set({
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    // nginx holds answers back otherwise.
    "x-accel-buffering": "no",
  })
  response.flushHeaders()
  const heartbeat = setInterval(() => response.write(": still at work\n\n"), HEARTBEAT_MS)
  let id = 0
  const write = async ({ event, data }: ServerEvent) => {
    const text = `id: ${id++}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`
    if (!response.write(text) && !response.destroyed)
      await Promise.race([once(response, "drain"), once(response, "close")])
  }
  try {
    while (!next.done && !response.destroyed) {
      await write(next.value)
      next = await iterator.next()
    }
  } catch (thrown) {
    const error = toRankineError(thrown)
    if (!response.destroyed)
      await write({ event: "error", data: { code: error.code, message: wordsFor(error), requestId } })
    return error
  } finally {
    clearInterval(heartbeat)
    await iterator.return?.()
    response.end()
  }
}
