/** Numbers as reports print them. */

const MINUS = "\u2212"

/** Four decimals, as the field prints measures. */
export function formatMean(value: number): string {
  return value.toFixed(4)
}

/** With its sign: +0.0123, −0.0123. */
export function formatDifference(value: number): string {
  const text = Math.abs(value).toFixed(4)
  if (Number(text) === 0) return `±${text}`
  return (value < 0 ? MINUS : "+") + text
}

/** Three decimals; below that only a bound, since a sampled p is no more exact. */
export function formatP(value: number | undefined): string {
  if (value === undefined) return "–"
  return value < 0.001 ? "< 0.001" : value.toFixed(3)
}

export function formatCount(value: number): string {
  return value.toLocaleString("en-US")
}

/** Three significant digits, thousands with a comma. */
export function formatRate(value: number): string {
  return value >= 100 ? formatCount(Math.round(value)) : String(Number(value.toPrecision(3)))
}

export function formatMilliseconds(value: number): string {
  if (value > 0 && value < 1) return `${formatRate(value * 1000)} µs`
  if (value >= 10_000) return `${formatRate(value / 1000)} s`
  return `${formatRate(value)} ms`
}

export function formatSeconds(value: number): string {
  return value < 1 ? `${formatRate(value * 1000)} ms` : `${formatRate(value)} s`
}

export function formatBytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"]
  let unit = 0
  let rest = value
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024
    unit++
  }
  return `${formatRate(rest)} ${units[unit]}`
}

/** A parameter's value on one line. */
export function formatValue(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "–")
}
