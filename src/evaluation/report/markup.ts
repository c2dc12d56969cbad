/** Small pieces of HTML. Everything that comes from a result passes through `escapeHtml`. */
import type { ReportModel } from "./model.js"

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!)
}

/** A run's name behind its colour. */
export function runLabel(model: ReportModel, name: string): string {
  const color = model.runs.find((run) => run.name === name)?.color ?? "var(--faint)"
  return `<span class="run"><i class="chip" style="background:${color}"></i>${escapeHtml(name)}</span>`
}

/** A table whose cells are HTML already; the first cell of a row heads it. Wide tables scroll within themselves. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const body = rows
    .map(
      ([first, ...cells]) =>
        `<tr><th scope="row">${first}</th>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`,
    )
    .join("\n")
  const heads = head.map((cell) => `<th scope="col">${cell}</th>`).join("")
  return `<div class="scroll"><table><thead><tr>${heads}</tr></thead><tbody>\n${body}\n</tbody></table></div>`
}

/** A plot in two widths, of which the style sheet shows one: scaled text would be too small on a phone. */
export function figure(draw: (width: number) => string): string {
  return `<figure><div class="wide">${draw(920)}</div><div class="narrow">${draw(350)}</div></figure>`
}

export function section(title: string, text: string, ...content: readonly string[]): string {
  return `<section>\n<h2>${title}</h2>\n<p>${text}</p>\n${content.join("\n")}\n</section>`
}
