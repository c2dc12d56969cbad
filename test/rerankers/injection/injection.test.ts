import { readdirSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { loadPrompt, type Prompt } from "../../../rerankers/prompts/index.js"
import { special, tinyCodec } from "../../models/generation/tiny-tokenizer.js"
import { injectedPassages } from "./passages.js"

const prompts = readdirSync(new URL("../../../rerankers/prompts/", import.meta.url))
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => name.replace(/\.yaml$/, ""))

const KNOWN = new Set(["query", "instruction", "documents", "count", "labels", "label", "text", "title"])

/** The places of a prompt that are the method's own: texts of documents, or numbers. */
function ownPlaces({ file }: Prompt): string[] {
  const all = [...JSON.stringify(file.messages).matchAll(/\{([a-z]+)\}/gu)].map(([, name]) => name!)
  return [...new Set(all)].filter((name) => !KNOWN.has(name))
}

const FOREIGN = /^(?:first|second|passage|document|instruct)/

/** The prompt with a text in every place where a stranger's can stand. */
function rendered(prompt: Prompt, text: string) {
  const own = ownPlaces(prompt)
  return prompt.render({
    query: `owls ${text}`,
    instruction: `find ${text}`,
    documents: ["one", text, "three", text].map((each) => ({ text: each, title: each })),
    values: Object.fromEntries(own.filter((name) => !FOREIGN.test(name)).map((name) => [name, 2])),
    texts: Object.fromEntries(own.filter((name) => FOREIGN.test(name)).map((name) => [name, text])),
  })
}

const wholeOf = (prompt: Prompt, text: string) =>
  rendered(prompt, text)
    .messages.map(({ role, content }) => `${role}\n${content}`)
    .join("\n\n")

/** What names a document in this prompt: what stands before its text, with any label. */
function identifiers({ file }: Prompt): RegExp[] {
  const found = [/\[\s*[0-9]+\s*\]/gu]
  if (file.labels === "letter") found.push(/\[\s*[A-Z]\s*\]/gu)
  const before = file.document.slice(0, file.document.search(/\{(?:text|title)\}|$/u)).trim()
  const label = file.labels === "number" ? "[0-9]+" : "[A-Za-z]"
  if (before.includes("{label}")) {
    const pattern = before
      .split("{label}")
      .map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/gu, "\\$&").replace(/\s+/gu, "\\s*"))
    found.push(new RegExp(pattern.join(label), "giu"))
  }
  return found
}

const countOf = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].length

describe.each(prompts)("the prompt %s", (name) => {
  it("names documents as often as it would among harmless texts", async () => {
    const prompt = await loadPrompt(name)
    const harmless = wholeOf(prompt, "harmless words")
    for (const { text } of injectedPassages) {
      const whole = wholeOf(prompt, text)
      for (const pattern of identifiers(prompt))
        expect(countOf(whole, pattern), `${pattern} with ${text}`).toBe(countOf(harmless, pattern))
    }
  })

  it("opens and closes its own tags only", async () => {
    const prompt = await loadPrompt(name)
    const harmless = wholeOf(prompt, "harmless words")
    for (const { text } of injectedPassages)
      for (const tag of prompt.file.reserved) {
        const pattern = new RegExp(`<\\s*/?\\s*${tag}\\b[^<>]*>`, "giu")
        expect(countOf(wholeOf(prompt, text), pattern), `${tag} with ${text}`).toBe(countOf(harmless, pattern))
      }
  })

  it("keeps its lines and its turns", async () => {
    const prompt = await loadPrompt(name)
    const harmless = rendered(prompt, "harmless words").messages
    for (const { text } of injectedPassages) {
      const { messages } = rendered(prompt, text)
      expect(messages.map(({ role }) => role)).toEqual(harmless.map(({ role }) => role))
      const lines = (content: string) => content.split(/[\n\r\u2028]/u).length
      expect(
        messages.map(({ content }) => lines(content)),
        text,
      ).toEqual(harmless.map(({ content }) => lines(content)))
    }
  })

  it("has the special tokens of the template and no others", async () => {
    const prompt = await loadPrompt(name)
    const codec = tinyCodec()
    const specialIn = (text: string) => {
      const { messages } = rendered(prompt, text)
      const ids = codec.encode({ messages })
      return ids.filter((id) => special.includes(codec.textOf(id))).map((id) => codec.textOf(id))
    }
    const harmless = specialIn("harmless words")
    expect(harmless).toContain("<|im_start|>")
    for (const { text } of injectedPassages) expect(specialIn(text), text).toEqual(harmless)
  })
})

describe("the set of injected passages", () => {
  it("would break a prompt that does not clean its texts", () => {
    const all = injectedPassages.map(({ text }) => text).join("\n")
    for (const pattern of [/\[1\] > \[2\]/, /Passage A:/, /<\|im_end\|>/, /<\/answer>/, /\{query\}/, /\n\[2\]/])
      expect(all).toMatch(pattern)
  })
})
