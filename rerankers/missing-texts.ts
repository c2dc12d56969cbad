/** What of a ranking cannot be read, for rerankers that read texts. @module */
import { type Document, RankineError, type Ranking, type Warning } from "../src/core/index.js"

export function hasText(document: Document | undefined): document is Document {
  return document !== undefined && (document.text.trim() !== "" || Boolean(document.title?.trim()))
}

/** Warnings of hits without document or text, and of a blank query. What an earlier stage has said already is not said again. */
export function warnMissingTexts({ hits, warnings }: Ranking, blankQuery: boolean): Warning[] {
  const found: Warning[] = []
  const warn = (code: "missing-document" | "missing-text", ids: readonly string[]) => {
    const said = new Set(warnings.flatMap((warning) => (warning.code === code ? (warning.ids ?? []) : [])))
    const fresh = ids.filter((id) => !said.has(id))
    if (fresh.length > 0) found.push({ code, count: fresh.length, ids: fresh })
  }
  const unread = hits.filter(({ document }) => !hasText(document))
  warn(
    "missing-document",
    unread.flatMap(({ id, document }) => (document ? [] : [id])),
  )
  warn(
    "missing-text",
    unread.flatMap(({ id, document }) => (document ? [id] : [])),
  )
  if (blankQuery && !warnings.some(({ code }) => code === "empty-query")) found.push({ code: "empty-query", count: 1 })
  return found
}

/** Whether there are hits, and none of them has its document. */
export function lacksDocuments({ hits }: Ranking): boolean {
  return hits.length > 0 && hits.every(({ document }) => !document)
}

export function lackError(name: string, { query }: Ranking): RankineError {
  return new RankineError(
    "argument",
    `${name} reads texts, and no hit of query "${query.id}" has its document: put hydrate(store) before it`,
  )
}
