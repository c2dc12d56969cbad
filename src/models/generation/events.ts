/** From callbacks to an async iterator. @module */

/**
 * Runs work that emits events, and gives them one by one. Leaving the loop early aborts the work; what it throws is thrown in the loop.
 * Nothing begins before the first event is asked for.
 */
export async function* eventsOf<Event>(
  work: (signal: AbortSignal, emit: (event: Event) => void) => Promise<unknown>,
  outer?: AbortSignal,
): AsyncGenerator<Event, void, void> {
  const controller = new AbortController()
  const stop = () => controller.abort(outer?.reason)
  if (outer?.aborted) stop()
  outer?.addEventListener("abort", stop, { once: true })
  let waiting: Event[] = []
  let wake: (() => void) | undefined
  let over = false
  const done = work(controller.signal, (event) => {
    waiting.push(event)
    wake?.()
  }).finally(() => {
    over = true
    wake?.()
  })
  // It is awaited below; a rejection before that is not unhandled.
  done.catch(() => {})
  try {
    for (;;) {
      const ready = waiting
      waiting = []
      yield* ready
      if (waiting.length > 0) continue
      if (over) break
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    await done
  } finally {
    outer?.removeEventListener("abort", stop)
    controller.abort()
  }
}
