/** Markdown tables, and figures in them. @module */
import { figure } from "../report.mjs"

export const NONE = "–"

export function table(columns, rows) {
  const shown = columns.filter(([, cell], i) => i === 0 || rows.some((row) => cell(row) !== NONE))
  const line = (cells) => `| ${cells.join(" | ")} |`
  return [
    line(shown.map(([name]) => name)),
    line(shown.map((_, i) => (i === 0 ? "---" : "---:"))),
    ...rows.map((row) => line(shown.map(([, cell]) => cell(row)))),
  ].join("\n")
}

export function withSpread(values, unit = "") {
  if (!values) return NONE
  const { median, minimum, maximum } = values
  if (minimum === maximum) return `${figure(median)}${unit}`
  return `${figure(median)}${unit} (${figure(minimum)}${unit}–${figure(maximum)}${unit})`
}

export const megabytes = (bytes) => (bytes === undefined ? NONE : figure(bytes / 2 ** 20))
export const decimals = (value, places) => (value === undefined ? NONE : value.toFixed(places))
export const count = (value) => (value === undefined ? NONE : value.toLocaleString("en"))
