import { RankineError, throwIfAborted } from "../../src/core/index.js"
import { type BackOff, mayPass, retryAfter, wait, waitBefore } from "../../src/models/generation/endpoint/back-off.js"
import { Limiter } from "../../src/models/generation/endpoint/limiter.js"
import { errorOf, type FailedRequest, type Service } from "./hosted-errors.js"
import { RateLimiter, type RateLimits, type Taken } from "./rate-limit.js"

export interface HostedClientSettings {
  readonly service: Service
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Seconds for one try. */
  readonly timeout: number
  readonly backOff: BackOff
  readonly concurrency: number
  readonly limits: RateLimits
}

interface Tried extends Omit<FailedRequest, "tries"> {
  readonly taken: Taken
}

/** A number of tokens that most texts do not exceed, where no tokenizer is at hand: three bytes a token. */
export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 3)
}

/** Posts JSON to a service: within its rate, tried again where that may help, the key kept out of every message. */
export class HostedClient {
  readonly #limiter: Limiter
  readonly #rate: RateLimiter
  #requests = 0

  constructor(private readonly settings: HostedClientSettings) {
    this.#limiter = new Limiter(settings.concurrency)
    this.#rate = new RateLimiter(settings.limits)
  }

  /**
   * @param tokens what the request is expected to cost
   * @param read what is needed of the answer, and what the service counted
   * @throws RankineError as `errorOf`, and `aborted`
   */
  async post<Result>(
    body: unknown,
    tokens: number,
    read: (answer: Record<string, unknown>) => { readonly result: Result; readonly tokens: number | undefined },
    signal?: AbortSignal,
  ): Promise<Result> {
    const { backOff, service } = this.settings
    const id = this.#requests++
    for (let tries = 1; ; tries++) {
      const { status, text, after, failure, taken } = await this.#try(body, tokens, signal)
      if (status !== undefined && status >= 200 && status < 300) {
        const { result, tokens: counted } = read(objectIn(text, service))
        if (counted !== undefined) taken.tokens = counted
        return result
      }
      // No status: no connection, or it broke off, or took too long. All of that may pass.
      if ((status !== undefined && !mayPass(status)) || tries > backOff.retries)
        throw errorOf(service, { status, text, tries, failure, after })
      await wait(waitBefore(tries, after, backOff, id), signal)
    }
  }

  /** One try. Every try counts for the rate, also those that fail. */
  #try(body: unknown, tokens: number, signal: AbortSignal | undefined): Promise<Tried> {
    const { url, headers, timeout } = this.settings
    return this.#limiter.run(async () => {
      const taken = await this.#rate.take(tokens, signal)
      const limit = AbortSignal.timeout(timeout * 1000)
      try {
        const response = await fetch(url, {
          method: "POST",
          headers: { "content-type": "application/json", accept: "application/json", ...headers },
          body: JSON.stringify(body),
          signal: signal ? AbortSignal.any([signal, limit]) : limit,
          // A key is not carried to wherever an answer points.
          redirect: "manual",
        })
        const after = retryAfter(response.headers.get("retry-after") ?? undefined)
        return { status: response.status, text: await response.text(), after, failure: undefined, taken }
      } catch (thrown) {
        throwIfAborted(signal)
        const failure = limit.aborted ? `no answer within ${timeout} s` : reasonOf(thrown)
        return { status: undefined, text: "", after: undefined, failure, taken }
      }
    }, signal)
  }
}

function objectIn(text: string, service: Service): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // Said below.
  }
  throw new RankineError("model", `${service.title} sent no JSON object: check baseUrl (${service.host})`)
}

/** Why fetch failed: its own message only says that it did. */
function reasonOf(thrown: unknown): string {
  const { message, cause } = thrown as { message?: string; cause?: { code?: string; message?: string } }
  return cause?.code ?? cause?.message ?? message ?? String(thrown)
}
