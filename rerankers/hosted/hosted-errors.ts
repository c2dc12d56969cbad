/** What went wrong at a service, and what to do about it. @module */
import { type ErrorCode, RankineError } from "../../src/core/index.js"

export interface Service {
  readonly title: string
  readonly host: string
  readonly key: string
  /** Environment variables of the key. */
  readonly keys: readonly string[]
}

export interface FailedRequest {
  /** Missing where no answer came. */
  readonly status: number | undefined
  readonly text: string
  readonly tries: number
  readonly failure: string | undefined
  readonly after: number | undefined
}

/** Of a service's words on an error. */
const MOST_WORDS = 300

/** The key is taken out of a service's words: some repeat it. The words follow, so that the message names first what to do. */
export function errorOf(service: Service, { status, text, tries, failure, after }: FailedRequest): RankineError {
  const { title, host, key, keys } = service
  const said = wordsIn(text).replaceAll(key, "[key]")
  const tail = `${said === "" ? "" : `: ${said}`}${tries > 1 ? ` (after ${tries} tries)` : ""}`
  const details = {
    service: title,
    host,
    ...(status === undefined ? {} : { status }),
    ...(after === undefined ? {} : { retryAfter: after }),
  }
  const make = (code: ErrorCode, message: string) => new RankineError(code, `${message}${tail}`, { details })
  if (status === undefined)
    return make(
      "network",
      `${title} at ${host} cannot be reached (${failure}): check the connection, baseUrl and timeout`,
    )
  if (status === 401)
    return make("network", `${title} refuses the API key (401): set apiKey or ${keys.join(" or ")} to a valid one`)
  if (status === 402) return make("network", `${title} wants to be paid first (402): top up the account`)
  if (status === 403)
    return make(
      "network",
      `${title} does not allow this (403): check the key's rights, the plan and the account's balance`,
    )
  if (status === 404) return make("model", `${title} has no such model or address (404): check model and baseUrl`)
  if (status === 413) return make("argument", `${title} finds the request too large (413): set maxDocuments lower`)
  if (status === 429)
    return make(
      "network",
      `${title} limits the rate (429): set requestsPerMinute, tokensPerMinute or a lower concurrency`,
    )
  if (status === 400 || status === 422)
    return make(
      "argument",
      `${title} refuses the request (${status}): check model, query and the length of the documents`,
    )
  if (status >= 300 && status < 400)
    return make("network", `${title} points elsewhere (${status}): set baseUrl to its present address`)
  if (status >= 500 || status === 408) return make("network", `${title} failed (${status}): try again later`)
  return make("model", `${title} refuses the request (${status})`)
}

/** In one line: Cohere and Mixedbread say `message`, Jina and Voyage `detail`, proxies whatever they like. */
function wordsIn(text: string): string {
  let words: unknown = text
  try {
    const { message, detail, error } = JSON.parse(text) as Record<string, unknown>
    const inner =
      typeof error === "object" && error !== null ? ((error as { message?: unknown }).message ?? error) : error
    words = message ?? detail ?? inner ?? text
  } catch {
    // Not JSON: the text itself.
  }
  const line = (typeof words === "string" ? words : JSON.stringify(words)).replace(/\s+/gu, " ").trim()
  return line.length > MOST_WORDS ? `${line.slice(0, MOST_WORDS)}…` : line
}
