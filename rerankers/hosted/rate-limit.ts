import { throwIfAborted } from "../../src/core/index.js"
import { wait } from "../../src/models/generation/endpoint/back-off.js"

export interface RateLimits {
  readonly requestsPerMinute?: number
  /** Estimated before a request, corrected by what the service counted. */
  readonly tokensPerMinute?: number
}

/** What a request took, to be corrected when its cost is known. */
export interface Taken {
  readonly at: number
  tokens: number
}

/** For tests. */
export interface Clock {
  /** In seconds. */
  now(): number
  wait(seconds: number, signal: AbortSignal | undefined): Promise<void>
}

const realClock: Clock = { now: () => performance.now() / 1000, wait }

const MINUTE = 60

/** Never more within any minute than allowed, in the order in which they came. A request that alone is over the limit of tokens goes alone. */
export class RateLimiter {
  #taken: Taken[] = []
  #turn: Promise<unknown> = Promise.resolve()

  constructor(
    private readonly limits: RateLimits,
    private readonly clock: Clock = realClock,
  ) {}

  /** Waits until a request may be sent. Throws `aborted` as soon as the signal fires. */
  take(tokens: number, signal?: AbortSignal): Promise<Taken> {
    const turn = this.#turn.then(() => this.#enter(tokens, signal))
    // Who was stopped while waiting does not hold up the next.
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #enter(tokens: number, signal: AbortSignal | undefined): Promise<Taken> {
    const { requestsPerMinute = Number.POSITIVE_INFINITY, tokensPerMinute = Number.POSITIVE_INFINITY } = this.limits
    while (true) {
      throwIfAborted(signal)
      const now = this.clock.now()
      this.#taken = this.#taken.filter(({ at }) => at > now - MINUTE)
      const sum = this.#taken.reduce((total, each) => total + each.tokens, 0)
      const fits = this.#taken.length < requestsPerMinute && sum + tokens <= tokensPerMinute
      if (fits || this.#taken.length === 0) {
        const taken = { at: now, tokens }
        this.#taken.push(taken)
        return taken
      }
      // The oldest leaves the minute next; a millisecond more, so that it has left when the timer is early.
      await this.clock.wait(this.#taken[0]!.at + MINUTE - now + 0.001, signal)
    }
  }
}
