/** What the scripts share that the runner starts with `runChild`. @module */

export const settings = JSON.parse(process.argv[2])

export const say = (status) => console.log(JSON.stringify({ status }))

/** The result; the process ends with it, whatever still runs. */
export function finish(result) {
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
}

/** Resident bytes after a garbage collection: what is held, not what V8 has not come round to. */
export function heldBytes() {
  globalThis.gc?.()
  return process.memoryUsage.rss()
}

export const peakBytes = () => process.resourceUsage().maxRSS * 1024
