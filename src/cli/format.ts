/** Numbers, durations and sizes as people read them. @module */

const counts = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 })

/** `57,638`. */
export function formatCount(value: number): string {
  return counts.format(value)
}

/** `850 µs`, `12.3 ms`, `4.2 s`, `3 min 5 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 1e-3) return `${Math.round(seconds * 1e6)} µs`
  if (seconds < 1) return `${(seconds * 1e3).toFixed(seconds < 0.1 ? 1 : 0)} ms`
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  return `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** Decimal units: `412 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`
  return `${(bytes / 1e9).toFixed(1)} GB`
}

/** Four decimals, as papers print measures. */
export function formatMeasure(value: number): string {
  return value.toFixed(4)
}

/** `1 query`, `2 queries`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}
