/** Chat templates: Jinja from the checkpoint, turned into text. @module */
import { Template } from "@huggingface/jinja"
import { RankineError } from "../../core/errors.js"
import type { Message } from "./language-model.js"

export interface ChatTemplateOptions {
  /** The template's text, as in chat_template.jinja or tokenizer_config.json. */
  readonly source: string
  /** Texts of special tokens that templates name: `bos_token`, `eos_token` and others. */
  readonly specialTokens?: Readonly<Record<string, string>>
}

export interface RenderOptions {
  /** End with the beginning of an answer. Default true. */
  readonly addGenerationPrompt?: boolean
  readonly variables?: Readonly<Record<string, unknown>>
}

/** A template that was read once and is used often. */
export class ChatTemplate {
  readonly source: string
  readonly #template: Template
  readonly #specialTokens: Readonly<Record<string, string>>

  /** Throws `data` for a template that cannot be read. */
  constructor({ source, specialTokens = {} }: ChatTemplateOptions) {
    this.source = source
    this.#specialTokens = specialTokens
    try {
      this.#template = new Template(source)
    } catch (cause) {
      throw new RankineError("data", `the model's chat template cannot be read: ${reason(cause)}`, { cause })
    }
  }

  /** Throws `argument` where the template refuses the messages (roles that must alternate, for one), with its own words. */
  render(messages: readonly Message[], { addGenerationPrompt = true, variables = {} }: RenderOptions = {}): string {
    if (messages.length === 0) throw new RankineError("argument", "a conversation has no messages: give one at least")
    try {
      return this.#template.render({
        // Templates take apart and change what they are given.
        messages: messages.map((message) => ({ ...message })),
        add_generation_prompt: addGenerationPrompt,
        ...this.#specialTokens,
        ...variables,
      })
    } catch (cause) {
      const roles = messages.map(({ role }) => role).join(", ")
      throw new RankineError(
        "argument",
        `the model's chat template refuses these messages (${roles}): ${reason(cause)}`,
        { cause },
      )
    }
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
