import { createHash } from "node:crypto"
import { RankineError } from "../../src/core/index.js"
import type { ChatPrompt, Message } from "../../src/models/index.js"
import { type CleanText, textCleaner } from "./clean-text.js"
import { labelOf, normalisePermutation, type Permutation, positionOf } from "./permutation.js"
import type { PromptFile } from "./schema.js"

/** A document as it goes into a prompt; its label is by default that of its place. */
export interface PromptDocument {
  readonly text: string
  readonly title?: string
  readonly label?: string
}

export interface PromptValues {
  readonly query: string
  readonly instruction?: string
  readonly documents?: readonly PromptDocument[]
  /** Further placeholders of the prompt: numbers, or texts of ours that need no cleaning. */
  readonly values?: Readonly<Record<string, string | number>>
  /** Further placeholders whose texts are somebody else's. */
  readonly texts?: Readonly<Record<string, string>>
}

export interface RenderedPrompt extends ChatPrompt {
  /** Pieces of texts that were changed, because they looked like parts of the prompt. */
  readonly escaped: number
}

/** A method's prompt, as its file says. */
export class Prompt {
  readonly name: string
  /** Of the file's content: it names what a result was made with. */
  readonly hash: string
  readonly clean: (text: string) => CleanText
  readonly #label: RegExp | undefined
  readonly #strict: RegExp | undefined

  constructor(readonly file: PromptFile) {
    this.name = file.name
    this.hash = createHash("sha256").update(JSON.stringify(file)).digest("hex").slice(0, 16)
    this.clean = textCleaner(file)
    this.#label = file.answer.label === undefined ? undefined : new RegExp(file.answer.label, "gsu")
    this.#strict = file.answer.strict === undefined ? undefined : new RegExp(file.answer.strict, "su")
  }

  /** Prompts of the same query begin with the same messages, as far as the file puts the query before the documents. */
  render({ query, instruction = "", documents = [], values = {}, texts = {} }: PromptValues): RenderedPrompt {
    let escaped = 0
    const clean = (text: string) => {
      const made = this.clean(text)
      escaped += made.escaped
      return made.text
    }
    const { file } = this
    const shown = documents.map((document, position) => ({
      label: document.label ?? labelOf(position, file.labels),
      text: clean(document.text),
      title: clean(document.title ?? ""),
    }))
    const common = {
      count: documents.length,
      labels: shown.map(({ label }) => label).join(", "),
      ...values,
      ...Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, clean(text)])),
      query: clean(query),
      instruction: clean(instruction),
      documents: shown.map((document) => fill(file.document, document, file.name)).join(file.separator),
    }
    const messages: Message[] = []
    for (const turn of file.messages) {
      if ("each" in turn)
        for (const document of shown)
          for (const { role, content } of turn.messages)
            messages.push({ role, content: fill(content, { ...common, ...document }, file.name) })
      else messages.push({ role: turn.role, content: fill(turn.content, common, file.name).trimEnd() })
    }
    return {
      messages,
      ...(file.prefill === undefined ? {} : { prefill: file.prefill }),
      ...(file.variables === undefined ? {} : { variables: file.variables }),
      escaped,
    }
  }

  /**
   * What stands in the answer's tag, leniently: within the last whole tag, else after the last opening one, else after the thoughts, else all.
   */
  answerText(completion: string): string {
    const { tag } = this.file.answer
    const text = withoutThoughts(completion)
    if (tag === undefined) return text
    // The last opening tag: thoughts may speak of the tag before.
    const open = completion.lastIndexOf(`<${tag}>`)
    if (open === -1) return text
    const from = open + tag.length + 2
    const close = completion.indexOf(`</${tag}>`, from)
    return completion.slice(from, close === -1 ? undefined : close)
  }

  /** The positions that an answer names, in its order; -1 for a label that is none. */
  positions(completion: string): number[] {
    if (!this.#label) throw new RankineError("internal", `the prompt ${this.name} does not say how labels are found`)
    const answer = this.answerText(completion)
    return [...answer.matchAll(this.#label)].map((match) => positionOf(match[1] ?? match[0], this.file.labels))
  }

  /** The order of `count` documents that an answer gives, repaired where it must be. */
  permutation(completion: string, count: number): Permutation {
    return normalisePermutation(this.positions(completion), count)
  }

  /** Whether a whole completion is as the method asks for it: what a reward demands. */
  isStrict(completion: string): boolean {
    return this.#strict?.test(completion.trim()) ?? false
  }

  /** As a result's record. */
  describe(): { readonly prompt: string; readonly promptHash: string } {
    return { prompt: this.name, promptHash: this.hash }
  }
}

/** The completion after its thoughts. */
export function withoutThoughts(completion: string): string {
  const end = completion.lastIndexOf("</think>")
  return end === -1 ? completion : completion.slice(end + "</think>".length)
}

/** In one pass, so that braces in texts stay what they are. */
function fill(template: string, values: Readonly<Record<string, string | number>>, name: string): string {
  return template.replace(/\{([a-z]+)\}/gu, (whole, key: string) => {
    const value = values[key]
    if (value === undefined)
      throw new RankineError("configuration", `the prompt ${name} has the place ${whole}, and nothing is known for it`)
    return String(value)
  })
}
