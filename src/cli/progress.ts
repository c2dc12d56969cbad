/** Progress bars on standard error, and silence where it is no terminal. @module */
import type { OnProgress, ProgressEvent } from "../core/index.js"
import { formatCount } from "./format.js"
import type { CliStreams } from "./streams.js"

export interface ProgressDisplay {
  readonly onProgress: OnProgress
  stop(): void
}

const silent: ProgressDisplay = { onProgress: () => {}, stop: () => {} }

/** One bar at a time: a stage that begins replaces the bar of the stage before. */
export async function showProgress({ err, env }: CliStreams): Promise<ProgressDisplay> {
  if (err.isTTY !== true || env.TERM === "dumb") return silent
  const { default: progress } = await import("cli-progress")
  let bar: InstanceType<typeof progress.SingleBar> | undefined
  let current: ProgressEvent | undefined
  const line = () => (current ? progressLine(current, err.columns ?? 80) : "")
  const stop = () => {
    bar?.stop()
    bar = undefined
  }
  return {
    stop,
    onProgress(event) {
      const begins = event.stage !== current?.stage || !bar
      current = event
      if (begins) {
        stop()
        bar = new progress.SingleBar({
          stream: err,
          format: line,
          clearOnComplete: true,
          hideCursor: true,
          fps: 10,
        })
        bar.start(event.total ?? 0, event.done)
      }
      if (event.total !== undefined) bar!.setTotal(event.total)
      bar!.update(event.done)
    },
  }
}

/** `Indexing  ████████░░░░  12,000 / 57,638 documents`; without a total only the count. */
export function progressLine({ stage, done, total, unit }: ProgressEvent, columns: number): string {
  const [shownDone, shownTotal] = unit === "bytes" ? [megabytes(done), megabytes(total ?? 0)] : [done, total ?? 0]
  const label = unit === "bytes" ? "MB" : unit
  if (!total) return `${stage}  ${formatCount(shownDone)} ${label}`
  const tail = `  ${formatCount(shownDone)} / ${formatCount(shownTotal)} ${label}`
  const width = Math.max(0, Math.min(40, columns - stage.length - tail.length - 4))
  const filled = Math.round(Math.min(1, done / total) * width)
  return `${stage}  ${"█".repeat(filled)}${"░".repeat(width - filled)}${tail}`
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e5) / 10
}
