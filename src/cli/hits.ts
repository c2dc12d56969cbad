/** Hits as people read them: title, snippet with the matches marked, and where the score comes from. @module */
import type { Document, Explanation, Hit } from "../core/index.js"
import { type Snippet, snippet } from "../text/highlight.js"
import type { Analyzer } from "../text/index.js"
import type { CliContext } from "./context.js"

export interface ShownHit {
  readonly rank: number
  readonly id: string
  readonly score: number
  readonly title?: string
  readonly snippet?: string
  /** UTF-16 offsets of the matches within `snippet`. */
  readonly matches?: readonly (readonly [number, number])[]
  readonly explanation?: Explanation
}

const SNIPPET_LENGTH = 220

/** A hit with its snippet, as plain data. */
export function showHit(
  hit: Hit,
  rank: number,
  document: Document | undefined,
  terms: ReadonlySet<string>,
  analyzer: Analyzer,
): ShownHit {
  const explanation = hit.explanation ? { explanation: hit.explanation } : {}
  if (!document) return { rank, id: hit.id, score: hit.score, ...explanation }
  const passage: Snippet = snippet(document.text, terms, analyzer, { length: SNIPPET_LENGTH })
  return {
    rank,
    id: hit.id,
    score: hit.score,
    ...(document.title ? { title: document.title } : {}),
    snippet: passage.text,
    matches: passage.spans.map(([start, end]) => [start - passage.start, end - passage.start]),
    ...explanation,
  }
}

/** Two or three lines a hit. */
export function formatHit(context: CliContext, hit: ShownHit): string {
  const { style } = context
  const head = `${style.dim(`${hit.rank}.`)} ${style.bold(hit.title ?? hit.id)}  ${style.dim(`${hit.title ? `${hit.id}  ` : ""}${hit.score.toFixed(4)}`)}`
  const lines = [head]
  if (hit.snippet)
    lines.push(
      `   ${markMatches(context, hit.snippet, hit.matches ?? [])
        .replace(/\s+/g, " ")
        .trim()}`,
    )
  if (hit.explanation) lines.push(...formatExplanation(hit.explanation, "   "))
  return lines.join("\n")
}

function markMatches(context: CliContext, text: string, spans: readonly (readonly [number, number])[]): string {
  let result = ""
  let at = 0
  for (const [start, end] of spans) {
    result += text.slice(at, start) + context.style.match(text.slice(start, end))
    at = end
  }
  return result + text.slice(at)
}

/** One line per part of the score, indented by its depth. */
export function formatExplanation({ value, description, details }: Explanation, indent: string): string[] {
  const shown = Number.isInteger(value) ? String(value) : value.toFixed(4)
  return [
    `${indent}${shown}  ${description}`,
    ...(details ?? []).flatMap((detail) => formatExplanation(detail, `${indent}  `)),
  ]
}
