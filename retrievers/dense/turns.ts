/** Gives the event loop its turn in long work on the main thread. @module */
import { throwIfAborted } from "../../src/core/errors.js"

/** Milliseconds after which others get their turn. */
const TURN_MS = 8

/** `if (turns.due) await turns.take(signal)` in a loop costs a look at the clock each time. */
export class Turns {
  #began = performance.now()

  get due(): boolean {
    return performance.now() - this.#began >= TURN_MS
  }

  /** Throws `aborted` when the signal has fired meanwhile. */
  async take(signal?: AbortSignal): Promise<void> {
    await new Promise(setImmediate)
    throwIfAborted(signal)
    this.#began = performance.now()
  }
}
