/** What a request hands to models, and the times that they tell. @module */
import type { RunOptions } from "../src/core/index.js"
import type { Caller, Timings } from "./service-types.js"

/** Of one request: its turn in queues, its end, and a clock that starts now. */
export function callOptions({ signal, client, deadline }: Caller): {
  readonly options: RunOptions
  /** So far. */
  timings(): Timings
} {
  const begun = performance.now()
  const told = { queue: 0, inference: 0 }
  let known = false
  return {
    options: {
      signal,
      client,
      ...(deadline === undefined ? {} : { deadline }),
      onTimings({ queue, inference }) {
        told.queue += queue
        told.inference += inference
        known = true
      },
    },
    timings: () => ({ total: (performance.now() - begun) / 1000, ...(known ? told : {}) }),
  }
}
