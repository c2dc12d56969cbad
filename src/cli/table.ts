/** Tables without frames: they read well and copy well. @module */
import Table from "cli-table3"
import type { CliContext } from "./context.js"

export type Column = string | { readonly title: string; readonly align?: "left" | "right"; readonly width?: number }

/** Rows under a bold head; numbers are given as text, `align: "right"` lines them up. Long cells wrap at a column's `width`. */
export function formatTable(
  context: CliContext,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const heads = columns.map((column) => (typeof column === "string" ? { title: column } : column))
  const table = new Table({
    head: heads.map(({ title }) => context.style.bold(title)),
    colAligns: heads.map(({ align }) => align ?? "left"),
    // cli-table3 takes null for a width that follows the content.
    colWidths: heads.map(({ width }) => width ?? null),
    wordWrap: true,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
    chars: Object.fromEntries(
      // biome-ignore format: the fifteen parts of a frame, all off
      ["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right",
       "left", "left-mid", "mid", "mid-mid", "right", "right-mid", "middle"].map((part) => [part, ""]),
    ),
  })
  for (const row of rows) table.push([...row])
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
}

/** Names and values, one a line. */
export function formatPairs(context: CliContext, pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length))
  return pairs.map(([name, value]) => `${context.style.dim(name.padEnd(width))}  ${value}`).join("\n")
}
