/** Bodies of requests: UTF-8, JSON, not too deep, without the key that reaches into prototypes. @module */
import express, { type RequestHandler } from "express"
import { RankineError } from "../../src/core/index.js"

/** Nothing that a dialect takes is deeper; what is would only cost time. */
const MAX_DEPTH = 32

const TOO_LARGE = "the body is larger than this server takes: send less at once"

/** A request that is refused before a route sees it. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

/** Reads the body as bytes, whatever its content type says: many clients say nothing, or say it wrongly. */
export function readBytes(maxBytes: number): RequestHandler {
  const read = express.raw({ type: () => true, limit: maxBytes })
  return (request, response, next) => {
    if (!(Number(request.get("content-length") ?? 0) > maxBytes)) return read(request, response, next)
    // What is announced as too large is not waited for: the connection ends with the answer.
    response.setHeader("connection", "close")
    throw new Refusal(413, TOO_LARGE)
  }
}

/**
 * The JSON of a body.
 *
 * @throws Refusal 400 for what is no UTF-8, no JSON, deeper than 32, or has the key `__proto__`
 */
export function parseBody(bytes: unknown): unknown {
  if (!(bytes instanceof Uint8Array) || bytes.length === 0) throw new Refusal(400, "the request has no body: send JSON")
  let text: string
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    throw new Refusal(400, "the body is not valid UTF-8: encode it as UTF-8")
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Refusal(400, `the body is not valid JSON: ${jsonMistake(error)}`)
  }
  checkShape(value)
  return value
}

/** The parser's message quotes the text; a place is enough, and texts of users belong in no log. */
function jsonMistake(error: unknown): string {
  const place = /at position (\d+)/.exec(error instanceof Error ? error.message : "")
  return place ? `see position ${place[1]}` : "it ends too early, or is empty"
}

function checkShape(root: unknown): void {
  let level: unknown[] = [root]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw new Refusal(400, `the body is nested deeper than ${MAX_DEPTH}: send it flat`)
    const next: unknown[] = []
    for (const value of level) {
      if (typeof value !== "object" || value === null) continue
      if (Array.isArray(value)) {
        for (const each of value) if (typeof each === "object" && each !== null) next.push(each)
        continue
      }
      for (const [key, each] of Object.entries(value)) {
        if (key === "__proto__") throw new Refusal(400, 'the key "__proto__" is not allowed in a body: leave it out')
        if (typeof each === "object" && each !== null) next.push(each)
      }
    }
    level = next
  }
}

/** What Express and Node throw while a body is read, as a refusal; undefined for anything else. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error
  if (error instanceof RankineError || !(error instanceof Error)) return undefined
  const { status, type } = error as Error & { status?: number; type?: string }
  if (type === "entity.too.large") return new Refusal(413, TOO_LARGE)
  if (type === "encoding.unsupported")
    return new Refusal(415, "the body's encoding is not known: send it plain or gzipped")
  if (error instanceof URIError) return new Refusal(400, "the path is not valid: encode it as a URI")
  if (typeof status === "number" && status >= 400 && status < 500)
    return new Refusal(status, "the request is malformed")
  return undefined
}
