/** Bold and colour where the output is a terminal that wants it (https://no-color.org). @module */
import type { Output } from "./streams.js"

export interface Style {
  readonly coloured: boolean
  bold(text: string): string
  dim(text: string): string
  green(text: string): string
  yellow(text: string): string
  red(text: string): string
  /** Marks a match inside a snippet; without colours by guillemets, which neither Markdown nor code uses. */
  match(text: string): string
}

export function styleFor(output: Output, env: Readonly<Record<string, string | undefined>>): Style {
  const forced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== "0"
  const coloured = !env.NO_COLOR && (forced || (output.isTTY === true && env.TERM !== "dumb"))
  const wrap = (on: number, off: number) => (text: string) =>
    coloured && text !== "" ? `\u001b[${on}m${text}\u001b[${off}m` : text
  return {
    coloured,
    bold: wrap(1, 22),
    dim: wrap(2, 22),
    green: wrap(32, 39),
    yellow: wrap(33, 39),
    red: wrap(31, 39),
    match: coloured ? (text) => `\u001b[1;33m${text}\u001b[22;39m` : (text) => `«${text}»`,
  }
}
