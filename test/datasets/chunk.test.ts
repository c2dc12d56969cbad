import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type ChunkMetadata, type ChunkOptions, chunk, countWords } from "../../datasets/index.js"
import { failure } from "./helpers.js"

const guide = `# Guide

Welcome to the guide.

## Install

Run this:

\`\`\`sh
npm install

# not a heading
\`\`\`

Then relax.

## Use [the \`tool\`](http://example.org)

### Deeply

One. Two. Three.
`

function pieces(text: string, options: ChunkOptions = {}, title?: string) {
  return chunk({ id: "d", text, ...(title === undefined ? {} : { title }) }, options)
}

function offsets(metadata: Readonly<Record<string, unknown>> | undefined): ChunkMetadata {
  return metadata as unknown as ChunkMetadata
}

describe("chunk", () => {
  it("cuts at headings and titles chunks by their path", () => {
    const chunks = pieces(guide)
    expect(chunks.map(({ title }) => title)).toEqual(["Guide", "Guide > Install", "Guide > Use the tool > Deeply"])
    expect(chunks.map(({ id, parentId }) => [id, parentId])).toEqual([
      ["d#0", "d"],
      ["d#1", "d"],
      ["d#2", "d"],
    ])
    expect(chunks[1]!.text).toBe(guide.slice(guide.indexOf("## Install"), guide.indexOf("## Use")))
    expect(pieces(guide, {}, "Guide")[1]!.title).toBe("Guide > Install")
    expect(pieces(guide, {}, "Handbook")[1]!.title).toBe("Handbook > Guide > Install")
  })

  it("keeps a code fence whole when it fits alone", () => {
    const fence = guide.slice(guide.indexOf("```sh"), guide.indexOf("Then"))
    const chunks = pieces(guide, { maxTokens: countWords(fence), overlap: 2 })
    expect(chunks.some(({ text }) => text.includes(fence))).toBe(true)
    for (const { text } of chunks) expect(text.split("```").length % 2).toBe(1)
    const broken = pieces(guide, { maxTokens: 5, overlap: 0 })
    expect(broken.some(({ text }) => text.includes(fence))).toBe(false)
  })

  it("breaks prose between sentences, and repeats whole words", () => {
    const text = "Alpha beta gamma. Delta epsilon zeta. Eta theta iota kappa."
    expect(pieces(text, { maxTokens: 8, overlap: 0 }).map((each) => each.text)).toEqual([
      "Alpha beta gamma. Delta epsilon zeta. ",
      "Eta theta iota kappa.",
    ])
    const [first, second] = pieces(text, { maxTokens: 8, overlap: 3 })
    expect(first!.text).toBe("Alpha beta gamma. Delta epsilon zeta. ")
    expect(second!.text).toBe("epsilon zeta. Eta theta iota kappa.")
    expect(second!.metadata).toEqual({ start: 24, end: 59, overlap: 14 })
  })

  it("does not leave a heading alone in front of a long paragraph", () => {
    const text = `## Long\n\n${"word ".repeat(20)}`
    const [first] = pieces(text, { maxTokens: 10, overlap: 0 })
    expect(first!.text).toContain("word")
  })

  it("repeats nothing across headings or out of code", () => {
    const text = "# A\n\none two three\n\n# B\n\n```\nfour five\n```\n\nsix seven eight nine ten\n"
    for (const { metadata, text: piece } of pieces(text, { maxTokens: 12, overlap: 5 }))
      if (offsets(metadata).overlap > 0) expect(piece).not.toMatch(/four|one/)
  })

  it("knows setext headings, and rules and tables that are none", () => {
    const text = "Title\n=====\n\ntext\n\nPart\n---\n\nmore\n\n---\n\n- item\n---\n\n| a |\n---\n"
    expect(pieces(text).map(({ title }) => title)).toEqual(["Title", "Title > Part"])
  })

  it("takes plain text without headings", () => {
    const text = "# no heading\n\nfirst\n\n```\nsecond"
    expect(pieces(text, { format: "text" })).toHaveLength(1)
    const two = pieces(text, { format: "text", maxTokens: 3, overlap: 0 })
    expect(two.map((each) => each.text)).toEqual(["# no heading\n\n", "first\n\n", "```\n", "second"])
  })

  it("keeps the document's fields and metadata, and an empty document", () => {
    const [only] = chunk({ id: "d", text: "", metadata: { tag: "x" }, fields: { author: "me" } })
    expect(only).toEqual({
      id: "d#0",
      text: "",
      parentId: "d",
      fields: { author: "me" },
      metadata: { tag: "x", start: 0, end: 0, overlap: 0 },
    })
    expect(pieces("  \n\n ")).toHaveLength(1)
  })

  it("refuses budgets that make no sense", async () => {
    for (const options of [{ maxTokens: 0 }, { maxTokens: 1.5 }, { maxTokens: 5, overlap: 5 }, { overlap: -1 }])
      expect(await failure(() => pieces("x", options))).toMatchObject({ code: "argument" })
  })

  const line = fc.oneof(
    fc.constantFrom(
      "",
      "",
      "# One",
      "## Two  ",
      "### ",
      "```",
      "```js",
      "~~~~",
      "Setext\n===",
      "---",
      "\tindented",
      "- item",
    ),
    fc.lorem({ maxCount: 30 }),
    fc.lorem({ mode: "sentences", maxCount: 8 }),
    fc.string({ unit: "grapheme", maxLength: 40 }),
    fc.constantFrom("日本語の文章です。次の文。", "𝒳𝒴𝒵𝒳𝒴𝒵".repeat(5), "x".repeat(90)),
  )
  const source = fc
    .array(line, { maxLength: 30 })
    .chain((lines) => fc.constantFrom("\n", "\r\n").map((end) => lines.join(end)))
  const counters = [countWords, (text: string) => Array.from(text).length, (text: string) => Math.ceil(text.length / 4)]

  it("loses nothing, repeats only what it says, and keeps to the budget", () => {
    fc.assert(
      fc.property(
        source,
        fc.integer({ min: 2, max: 60 }),
        fc.nat(59),
        fc.constantFrom(...counters),
        fc.constantFrom("markdown" as const, "text" as const),
        (text, maxTokens, overlap, countTokens, format) => {
          const chunks = pieces(text, { maxTokens, overlap: Math.min(overlap, maxTokens - 1), countTokens, format })
          let joined = ""
          for (const { text: piece, metadata } of chunks) {
            const { start, end, overlap: repeated } = offsets(metadata)
            expect(piece).toBe(text.slice(start, end))
            expect(start + repeated).toBe(joined.length)
            expect(countTokens(piece)).toBeLessThanOrEqual(maxTokens)
            expect(countTokens(piece.slice(0, repeated))).toBeLessThanOrEqual(overlap)
            joined += piece.slice(repeated)
          }
          expect(joined).toBe(text)
          if (text.trim() !== "") for (const { text: piece } of chunks) expect(piece).not.toBe("")
        },
      ),
      { numRuns: 500 },
    )
  })

  it("never breaks a fence that fits, whatever surrounds it", () => {
    fc.assert(
      fc.property(source, source, fc.integer({ min: 1, max: 12 }), (before, after, lines) => {
        // Fences in `before` may be open: only text without any is put there.
        const head = before.replace(/[`~]/g, "")
        const fence = `~~~~~\n${"code line;\n".repeat(lines)}~~~~~\n`
        const chunks = pieces(`${head}\n\n${fence}${after}`, { maxTokens: countWords(fence), overlap: 3 })
        expect(chunks.some(({ text }) => text.includes(fence))).toBe(true)
      }),
      { numRuns: 300 },
    )
  })
})

describe("countWords", () => {
  it("counts words, marks, and characters of scripts without spaces", () => {
    expect(countWords("")).toBe(0)
    expect(countWords("Two words.")).toBe(3)
    expect(countWords("snake_case naïve 42")).toBe(3)
    expect(countWords("日本語 text")).toBe(4)
  })
})
