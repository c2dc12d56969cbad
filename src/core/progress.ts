/** Progress reports. @module */

/** `total` is absent while it is not known. `unit` is what `done` counts: documents, queries, bytes. */
export interface ProgressEvent {
  readonly stage: string
  readonly done: number
  readonly total?: number
  readonly unit: string
}

export type OnProgress = (event: ProgressEvent) => void
