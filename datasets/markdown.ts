/** The outline of a Markdown text: blocks that cover it without a gap, each under its headings. @module */

/** A piece [start, end) of the text, in UTF-16 units, with the blank lines that follow it. */
export interface Block {
  readonly kind: "heading" | "fence" | "text"
  readonly start: number
  readonly end: number
  /** The headings above it, outermost first; a heading's own path ends with itself. */
  readonly path: readonly string[]
}

const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/
const ATX = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$/
const SETEXT = /^ {0,3}(=+|-+)[ \t]*$/
const NO_SETEXT = /^ {0,3}(?:[-*+>|]|\d+[.)])|^(?: {4}|\t)/

/** Cuts a text into blocks (CommonMark's headings and fences; everything between blank lines is one block). */
export function markdownBlocks(text: string): Block[] {
  const lines = splitLines(text)
  const blocks: { kind: Block["kind"]; start: number; end: number; path: string[] }[] = []
  const headings: { level: number; title: string }[] = []
  const path = (): string[] => headings.map((heading) => heading.title)
  let position = 0
  let open: (typeof blocks)[number] | undefined
  const add = (kind: Block["kind"], end: number): void => {
    // Blank lines at the top belong to the first block.
    open = { kind, start: blocks.length === 0 ? 0 : position, end, path: path() }
    blocks.push(open)
  }
  const enter = (level: number, title: string): void => {
    while (headings.length > 0 && headings[headings.length - 1]!.level >= level) headings.pop()
    headings.push({ level, title })
  }
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!
    const content = line.replace(/\r?\n$/, "")
    const end = position + line.length
    const fence = FENCE.exec(content)
    const atx = ATX.exec(content)
    if (content.trim() === "") {
      // Other blank lines belong to what precedes them, so that the blocks cover the text.
      if (blocks.length > 0) blocks[blocks.length - 1]!.end = end
      open = undefined
    } else if (fence && !(fence[1]!.startsWith("`") && fence[2]!.includes("`"))) {
      const last = closingLine(lines, i, fence[1]!)
      let length = 0
      for (let k = i; k <= last; k++) length += lines[k]!.length
      add("fence", position + length)
      open = undefined
      position += length
      i = last
      continue
    } else if (atx) {
      enter(atx[1]!.length, plainHeading(atx[2] ?? ""))
      add("heading", end)
      open = undefined
    } else if (SETEXT.test(content) && open?.kind === "text" && isSetextText(text.slice(open.start, position))) {
      const block = open as { kind: Block["kind"]; end: number; path: string[] }
      enter(content.includes("=") ? 1 : 2, plainHeading(text.slice(open.start, position)))
      block.kind = "heading"
      block.end = end
      block.path = path()
      open = undefined
    } else if (open?.kind === "text") open.end = end
    else add("text", end)
    position = end
  }
  if (blocks.length === 0 && text !== "") blocks.push({ kind: "text", start: 0, end: text.length, path: [] })
  return blocks
}

/** Plain text cut at its blank lines. */
export function paragraphBlocks(text: string): Block[] {
  const blocks: { kind: "text"; start: number; end: number; path: string[] }[] = []
  for (const match of text.matchAll(/\s*\S[\s\S]*?(?:\n[ \t\r]*\n\s*(?=\S)|$(?![\s\S]))/g))
    blocks.push({ kind: "text", start: match.index, end: match.index + match[0].length, path: [] })
  if (blocks.length === 0 && text !== "") blocks.push({ kind: "text", start: 0, end: text.length, path: [] })
  return blocks
}

function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}

/** A fence ends at a line of the same mark, at least as long, or with the text. */
function closingLine(lines: readonly string[], from: number, mark: string): number {
  const closing = new RegExp(`^ {0,3}${mark[0] === "`" ? "`" : "~"}{${mark.length},}[ \\t]*\\r?\\n?$`)
  for (let i = from + 1; i < lines.length; i++) if (closing.test(lines[i]!)) return i
  return lines.length - 1
}

/** One line of prose before an underline is a heading; a list item, quote or table row before `---` is not. */
function isSetextText(text: string): boolean {
  const trimmed = text.replace(/^\s*\n/, "").trimEnd()
  return trimmed !== "" && !trimmed.includes("\n") && !NO_SETEXT.test(trimmed)
}

/** A heading as it reads: links give their text, images and tags go, marks of emphasis and code go. */
export function plainHeading(source: string): string {
  return source
    .replace(/!\[[^\]]*\]\([^)]*\)/g, "")
    .replace(/\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])/g, "$1")
    .replace(/<[^>]+>/g, "")
    .replace(/[`*]|(?<=^|\s)_+|_+(?=\s|$)/g, "")
    .replace(/\\([^\w\s])/g, "$1")
    .replace(/\s+/g, " ")
    .trim()
}

/** The text of the first heading with a text, where there is one. */
export function firstHeading(text: string): string | undefined {
  for (const block of markdownBlocks(text))
    if (block.kind === "heading") {
      const title = block.path[block.path.length - 1]
      if (title) return title
    }
  return undefined
}
