/** At most so many pieces of work at once, in the order in which they came. @module */
import { throwIfAborted } from "../../../core/errors.js"

export class Limiter {
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(private readonly most: number) {}

  async run<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    // Whoever was let in by the one before holds its place already.
    if (this.#running >= this.most) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    try {
      throwIfAborted(signal)
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }
}
