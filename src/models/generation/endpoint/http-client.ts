/** Requests to an endpoint: tried again where that may help, never more at once than allowed, the key kept out of every message. @module */
import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from "node:http"
import { Agent as SecureAgent, request as secureRequest } from "node:https"
import { RankineError, throwIfAborted, toRankineError } from "../../../core/errors.js"
import { type BackOff, mayPass, retryAfter, wait, waitBefore } from "./back-off.js"
import { Limiter } from "./limiter.js"
import { serverSentEvents } from "./sse.js"

export interface HttpSettings {
  /** With the path that all requests have in common: `http://localhost:8000/v1`. */
  readonly baseUrl: URL
  readonly key: string | undefined
  readonly headers: Readonly<Record<string, string>>
  /** Seconds without a byte after which a try is given up. */
  readonly timeout: number
  readonly backOff: BackOff
  readonly concurrency: number
}

/** Larger answers are refused: no text of a model is as long. */
const MOST_BYTES = 256 * 2 ** 20

/** Of an endpoint's words on an error. */
const MOST_WORDS = 500

/** A try that failed, and whether the next may do better. */
interface Failure {
  readonly error: RankineError
  readonly passing: boolean
  readonly after?: number | undefined
}

class TryFailed extends Error {
  constructor(readonly failure: Failure) {
    super(failure.error.message)
  }
}

export class HttpClient {
  readonly #settings: HttpSettings
  readonly #limiter: Limiter
  readonly #agent: PlainAgent | SecureAgent
  #requests = 0
  #retries = 0

  constructor(settings: HttpSettings) {
    this.#settings = settings
    this.#limiter = new Limiter(settings.concurrency)
    const Agent = settings.baseUrl.protocol === "https:" ? SecureAgent : PlainAgent
    this.#agent = new Agent({ keepAlive: true, maxSockets: settings.concurrency })
  }

  /** Tries after first ones, so far. */
  get retries(): number {
    return this.#retries
  }

  /**
   * The JSON of an answer.
   * @param read takes what is needed from it; throws where it is not there
   * @throws RankineError `network` where the endpoint cannot be reached, refuses, or stays silent after all tries; `model` for requests that
   *   it finds wrong and for answers that make no sense; `aborted`
   */
  post<Result>(
    path: string,
    body: unknown,
    read: (answer: Record<string, unknown>) => Result,
    signal?: AbortSignal,
  ): Promise<Result> {
    return this.#tried(signal, async () => {
      const response = await this.#send(path, body, signal)
      const text = await this.#text(response)
      return heard(() => read(this.#parsed(text, path)))
    })
  }

  /**
   * Hands over the events of a streamed answer one by one. Tried again only while nothing was handed over.
   * @param take returns true for the event that ends the answer: not every server says that it is done
   * @throws RankineError as `post`; `network` for a stream that breaks off
   */
  stream(
    path: string,
    body: unknown,
    take: (event: Record<string, unknown>) => boolean,
    signal?: AbortSignal,
  ): Promise<void> {
    let taken = false
    return this.#tried(
      signal,
      async () => {
        const response = await this.#send(path, body, signal)
        if (!/^text\/event-stream\b/i.test(response.headers["content-type"] ?? "")) {
          // Some servers answer errors, and short answers, as plain JSON.
          const answer = this.#parsed(await this.#text(response), path)
          taken = true
          heard(() => take(answer))
          return
        }
        let over = false
        for await (const data of serverSentEvents(response)) {
          if (data.trim() === "[DONE]") {
            over = true
            break
          }
          const event = this.#parsed(data, path)
          taken = true
          over = heard(() => take(event)) || over
        }
        response.destroy()
        if (!over) throw failed("network", `${this.#settings.baseUrl.host} broke its answer off`, true)
      },
      () => !taken,
    )
  }

  close(): void {
    this.#agent.destroy()
  }

  async #tried<Result>(
    signal: AbortSignal | undefined,
    attempt: () => Promise<Result>,
    mayRetry = () => true,
  ): Promise<Result> {
    const { backOff } = this.#settings
    const id = this.#requests++
    for (let tries = 1; ; tries++) {
      let failure: Failure
      try {
        return await this.#limiter.run(attempt, signal)
      } catch (thrown) {
        throwIfAborted(signal)
        failure = thrown instanceof TryFailed ? thrown.failure : this.#failureOf(thrown)
      }
      if (!failure.passing || tries > backOff.retries || !mayRetry()) {
        const { error } = failure
        throw tries === 1
          ? error
          : new RankineError(error.code, `${error.message} (after ${tries} tries)`, { details: error.details })
      }
      this.#retries++
      await wait(waitBefore(tries, failure.after, backOff, id), signal)
    }
  }

  #failureOf(thrown: unknown): Failure {
    if (thrown instanceof RankineError) return { error: thrown, passing: false }
    const { code, message } = thrown as NodeJS.ErrnoException
    const { host } = this.#settings.baseUrl
    const words = this.#clean(code && !message?.includes(code) ? `${code}: ${message}` : String(message ?? thrown))
    // The cause is left out: errors of requests may carry their headers.
    return {
      error: new RankineError(
        "network",
        `${host} cannot be reached (${words}): check the address and that the server runs`,
        {
          details: { host, code },
        },
      ),
      passing: code !== "ENOTFOUND" && !String(code).startsWith("ERR_TLS") && !String(code).includes("CERT"),
    }
  }

  /** Resolves with the head of an answer that is no error. */
  async #send(path: string, body: unknown, signal: AbortSignal | undefined): Promise<IncomingMessage> {
    const { baseUrl, key, headers, timeout } = this.#settings
    const url = new URL(`${baseUrl.pathname.replace(/\/+$/, "")}${path}${baseUrl.search}`, baseUrl)
    const content = Buffer.from(JSON.stringify(body))
    const request = url.protocol === "https:" ? secureRequest : plainRequest
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(
        url,
        {
          method: "POST",
          agent: this.#agent,
          ...(signal ? { signal } : {}),
          headers: {
            "content-type": "application/json",
            "content-length": content.length,
            accept: "application/json, text/event-stream",
            ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
            ...headers,
          },
        },
        resolve,
      )
      let answered: IncomingMessage | undefined
      sent.on("response", (response) => {
        answered = response
      })
      sent.setTimeout(timeout * 1000, () => {
        const message = `${baseUrl.host} was silent for ${timeout} s: give more time (timeout)`
        // What is destroyed must be what somebody reads from, or the reason is lost.
        ;(answered ?? sent).destroy(failed("network", message, true))
      })
      sent.on("error", reject)
      sent.end(content)
    })
    const status = response.statusCode ?? 0
    if (status >= 200 && status < 300) return response
    throw new TryFailed(await this.#refusal(response, status))
  }

  async #refusal(response: IncomingMessage, status: number): Promise<Failure> {
    const { host } = this.#settings.baseUrl
    const text = await this.#text(response).catch(() => "")
    const words = wordsOf(text)
    const said = words === "" ? "" : `: ${this.#clean(words)}`
    const after = retryAfter(response.headers["retry-after"])
    const details = { host, status, ...(after === undefined ? {} : { retryAfter: after }) }
    const make = (code: "network" | "model", message: string) => new RankineError(code, message, { details })
    const passing = mayPass(status)
    if (status === 401 || status === 403)
      return {
        error: make(
          "network",
          `${host} refuses the API key (${status})${said}. Set apiKey, or the environment variable`,
        ),
        passing,
      }
    if (status === 429)
      return { error: make("network", `${host} limits the rate of requests (429)${said}`), passing, after }
    if (status >= 300 && status < 400)
      return {
        error: make(
          "network",
          `${host} points elsewhere (${status}, ${String(response.headers.location)}): use that address`,
        ),
        passing,
      }
    if (status === 404)
      return {
        error: make(
          "model",
          `${host} has no such model or path (404)${said}. Check baseUrl, which mostly ends in /v1, and model`,
        ),
        passing,
      }
    if (status >= 500 || passing) return { error: make("network", `${host} failed (${status})${said}`), passing, after }
    return { error: make("model", `${host} refuses the request (${status})${said}`), passing }
  }

  async #text(response: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > MOST_BYTES) {
        response.destroy()
        throw failed("model", `${this.#settings.baseUrl.host} sent more than ${MOST_BYTES} bytes`, false)
      }
      chunks.push(chunk)
    }
    if (!response.complete) throw failed("network", `${this.#settings.baseUrl.host} broke its answer off`, true)
    return Buffer.concat(chunks).toString("utf8")
  }

  #parsed(text: string, path: string): Record<string, unknown> {
    const { host } = this.#settings.baseUrl
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      throw failed("model", `${host}${path} sent no JSON but ${JSON.stringify(this.#clean(text.slice(0, 80)))}`, true)
    }
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw failed("model", `${host}${path} sent JSON that is no object`, true)
    const { error } = value as { readonly error?: unknown }
    if (error !== undefined && error !== null)
      throw failed("model", `${host} failed: ${this.#clean(wordsOf(text))}`, false)
    return value as Record<string, unknown>
  }

  /** An endpoint's words, without the key that some repeat. */
  #clean(text: string): string {
    const { key } = this.#settings
    return key ? text.replaceAll(key, "[key]") : text
  }
}

function failureFor(code: "network" | "model", message: string, passing: boolean): Failure {
  return { error: new RankineError(code, message), passing }
}

function failed(code: "network" | "model", message: string, passing: boolean): TryFailed {
  return new TryFailed(failureFor(code, message, passing))
}

/** What an error's body says, in one line: `error.message`, `message`, `detail`, or the text itself. */
function wordsOf(text: string): string {
  let words = text
  try {
    const { error, message, detail } = JSON.parse(text) as Record<string, unknown>
    const found =
      typeof error === "object" && error !== null
        ? ((error as { message?: unknown }).message ?? error)
        : (error ?? message ?? detail)
    if (found !== undefined) words = typeof found === "string" ? found : JSON.stringify(found)
  } catch {
    // Not JSON: a proxy's page, mostly.
  }
  const line = words.replace(/\s+/g, " ").trim()
  return line.length > MOST_WORDS ? `${line.slice(0, MOST_WORDS)}…` : line
}

/** What the reader of an answer throws is no failure of the connection. */
function heard<Result>(work: () => Result): Result {
  try {
    return work()
  } catch (thrown) {
    throw thrown instanceof TryFailed ? thrown : new TryFailed({ error: toRankineError(thrown), passing: false })
  }
}

/**
 * A failure of what an answer says.
 * @param passing another answer to the same request may do better: it is tried again
 */
export function senseless(message: string, passing: boolean): Error {
  return failed("model", message, passing)
}
