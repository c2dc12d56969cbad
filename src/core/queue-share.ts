import type { RunOptions } from "./contracts.js"

/** Of a call's options those that its place in a model's queue depends on: what every model hands on to its scheduler. */
export type QueueShare = Pick<RunOptions, "signal" | "client" | "deadline" | "onTimings">

/** Only what is given, so that it can be spread into options of any call. */
export function queueShare({ signal, client, deadline, onTimings }: RunOptions): QueueShare {
  return {
    ...(signal ? { signal } : {}),
    ...(client === undefined ? {} : { client }),
    ...(deadline === undefined ? {} : { deadline }),
    ...(onTimings ? { onTimings } : {}),
  }
}
