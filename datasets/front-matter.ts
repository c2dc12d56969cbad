export interface FrontMatter {
  readonly data: Readonly<Record<string, unknown>>
  /** Where the text after it begins. */
  readonly end: number
}

const FRONT_MATTER = /^---[ \t]*\r?\n([\s\S]*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|$(?![\s\S]))/m

/** The YAML block at the top of a Markdown file. One that is not a YAML mapping is text like any other. */
export async function frontMatter(text: string): Promise<FrontMatter | undefined> {
  if (!text.startsWith("---")) return undefined
  const match = FRONT_MATTER.exec(text)
  if (match?.index !== 0) return undefined
  // Loaded when the first front matter turns up: `import "rankine"` stays light.
  const { parse } = await import("yaml")
  try {
    const data: unknown = parse(match[1]!, { logLevel: "error" })
    if (typeof data !== "object" || data === null || Array.isArray(data)) return undefined
    return { data: data as Record<string, unknown>, end: match[0].length }
  } catch {
    return undefined
  }
}
