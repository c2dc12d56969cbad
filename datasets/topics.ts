/** Queries of TREC tracks: tab-separated files and the SGML of `<top>`. @module */
import type { Query } from "../src/core/document.js"
import { RankineError } from "../src/core/errors.js"
import { lineError } from "./jsonl.js"

/**
 * Reads topics from the lines of a file: `id<TAB>text` on each line, or `<top>` elements with `<num>` and `<title>`
 * (elements need no closing tags, as in the tracks of the nineties). The query is the title.
 * Throws `data` naming file and line for a topic without number or title, a duplicate, or a line without a tab.
 */
export function parseTopics(lines: readonly string[], label: string): Query[] {
  const queries = lines.some((line) => /<top>/i.test(line)) ? parseSgml(lines, label) : parseTsv(lines, label)
  if (queries.length === 0) throw new RankineError("data", `${label} holds no topics`)
  return queries
}

class Topics {
  readonly queries: Query[] = []
  readonly #lines = new Map<string, number>()

  constructor(readonly label: string) {}

  add(id: string, text: string, line: number): void {
    const before = this.#lines.get(id)
    if (before !== undefined) throw lineError(this.label, line, `query id ${id} was used before, on line ${before}`)
    this.#lines.set(id, line)
    this.queries.push({ id, text })
  }
}

function parseTsv(lines: readonly string[], label: string): Query[] {
  const topics = new Topics(label)
  lines.forEach((line, index) => {
    if (line.trim() === "") return
    const tab = line.indexOf("\t")
    if (tab < 1) throw lineError(label, index + 1, "not a topic; each line is id<TAB>text")
    topics.add(line.slice(0, tab).trim(), line.slice(tab + 1).trim(), index + 1)
  })
  return topics.queries
}

function parseSgml(lines: readonly string[], label: string): Query[] {
  const topics = new Topics(label)
  let start = 0
  let fields: Map<string, string[]> | undefined
  let field: string[] | undefined
  const close = (): void => {
    if (!fields) return
    const number = joined(fields.get("num")).replace(/^number:\s*/i, "")
    const title = joined(fields.get("title")).replace(/^topic:\s*/i, "")
    if (!number || !title) throw lineError(label, start, `a topic without ${number ? "<title>" : "<num>"}`)
    // Tracks write "Number: 051" and judge 51.
    topics.add(/^0+\d+$/.test(number) ? String(Number(number)) : number, title, start)
    fields = field = undefined
  }
  lines.forEach((line, index) => {
    let rest = line
    for (;;) {
      const tag = /<(\/?)([a-z]+)>/i.exec(rest)
      field?.push(tag ? rest.slice(0, tag.index) : rest)
      if (!tag) return
      rest = rest.slice(tag.index + tag[0].length)
      const name = tag[2]!.toLowerCase()
      if (name === "top") {
        close()
        if (!tag[1]) {
          fields = new Map()
          start = index + 1
        }
        field = undefined
      } else if (fields) {
        field = tag[1] ? undefined : []
        if (field) fields.set(name, field)
      }
    }
  })
  close()
  return topics.queries
}

function joined(parts: readonly string[] | undefined): string {
  return (parts ?? []).join(" ").replace(/\s+/g, " ").trim()
}
