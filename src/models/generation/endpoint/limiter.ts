/** At most so many pieces of work at once, in the order in which they came. @module */
import { RankineError, throwIfAborted } from "../../../core/errors.js"

export class Limiter {
  #running = 0
  #waiting: (() => void)[] = []

  constructor(private readonly most: number) {}

  /** Throws `aborted` as soon as the signal fires before the work has begun. */
  async run<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    throwIfAborted(signal)
    // Whoever was let in by the one before holds its place already.
    if (this.#running >= this.most) await this.#turn(signal)
    else this.#running++
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const enter = () => {
        signal?.removeEventListener("abort", leave)
        resolve()
      }
      const leave = () => {
        this.#waiting = this.#waiting.filter((each) => each !== enter)
        reject(new RankineError("aborted", "stopped by the caller", { cause: signal?.reason }))
      }
      this.#waiting.push(enter)
      signal?.addEventListener("abort", leave, { once: true })
    })
  }
}
