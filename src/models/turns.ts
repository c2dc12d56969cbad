/** Long work on the main thread, in short turns of the event loop that all who work share. @module */
import { throwIfAborted } from "../core/errors.js"

/** The work of all tasks together ends after so many milliseconds; then everything else has its turn. */
const TURN = 5

const waiting: (() => void)[] = []
let head = 0
/** When the work of this turn began; undefined while there was none. */
let began: number | undefined
let pumping = false

/**
 * Whether this turn of the event loop is used up, by this task or by others; then `await nextTurn()`.
 *
 * Tasks that each kept their own time and waited with `setImmediate` would all go on in the same turn, one after another.
 */
export function turnIsOver(): boolean {
  if (began !== undefined) return performance.now() - began > TURN
  begin()
  return false
}

/** Resolves in a later turn of the event loop, in the order of asking. Throws `aborted` once the signal has fired. */
export function nextTurn(signal?: AbortSignal): Promise<void> {
  // No async function: whoever waits must go on before the next one is let go, see below.
  return new Promise<void>((resolve, reject) => {
    waiting.push(() => {
      try {
        throwIfAborted(signal)
        resolve()
      } catch (thrown) {
        reject(thrown)
      }
    })
    if (pumping) return
    pumping = true
    setImmediate(pump)
  })
}

function begin(): void {
  began = performance.now()
  setImmediate(() => {
    began = undefined
  })
}

async function pump(): Promise<void> {
  begin()
  do {
    waiting[head++]!()
    // The one that was let go works before this goes on.
    await null
  } while (head < waiting.length && !turnIsOver())
  if (head < waiting.length) {
    setImmediate(pump)
    return
  }
  pumping = false
  waiting.length = 0
  head = 0
}
