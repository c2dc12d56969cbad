const TURN_MS = 25

/**
 * Makes a function to call between steps of a long loop: it gives the event loop a turn every 25 milliseconds. Awaiting promises that are
 * settled already does not, and Ctrl+C, timers and sockets would wait for the end of the loop.
 */
export function breather(): () => Promise<void> {
  let turn = performance.now()
  return async () => {
    if (performance.now() - turn < TURN_MS) return
    await new Promise(setImmediate)
    turn = performance.now()
  }
}
