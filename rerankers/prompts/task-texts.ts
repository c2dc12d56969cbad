/** The texts of a task as a prompt may show them: cut to its limits, each once. @module */
import type { RerankTask } from "../../src/core/index.js"
import type { LanguageModel } from "../../src/models/index.js"
import type { Prompt, PromptDocument } from "./prompt.js"

export interface TaskTexts {
  readonly query: string
  readonly instruction: string | undefined
  /** By position among the task's hits. */
  document(position: number): PromptDocument & { readonly cut: boolean }
}

export interface TextLimits {
  /** Instead of the prompt's own. */
  readonly maxDocumentTokens?: number
  readonly maxQueryTokens?: number
}

/** A token of English text has about so many characters: where a model's tokenizer is not at hand. */
const CHARACTERS_PER_TOKEN = 4

export function taskTexts(model: LanguageModel, prompt: Prompt, limits: TextLimits, task: RerankTask): TaskTexts {
  const { file } = prompt
  const { maxDocumentTokens = file.maxDocumentTokens, maxQueryTokens = file.maxQueryTokens } = limits
  const { text, instruction } = task.query
  const known = new Map<number, PromptDocument & { readonly cut: boolean }>()
  return {
    query: maxQueryTokens === undefined ? text : cutTokens(model, text, maxQueryTokens),
    instruction,
    document(position) {
      let made = known.get(position)
      if (!made) {
        const { document } = task.hits[position]!
        // A prompt that shows titles apart gets them apart; else they stand before the text.
        const apart = file.document.includes("{title}")
        const { title = "" } = document!
        const whole = !apart && title.trim() !== "" ? `${title} ${document!.text}` : document!.text
        let shown = cutWords(whole, file.maxDocumentWords)
        if (file.maxDocumentCharacters !== undefined) shown = cutCharacters(shown, file.maxDocumentCharacters)
        if (maxDocumentTokens !== undefined) shown = cutTokens(model, shown, maxDocumentTokens)
        made = { text: shown, ...(apart ? { title } : {}), cut: shown.length < whole.trimEnd().length }
        known.set(position, made)
      }
      return made
    },
  }
}

/** The longest beginning of at most so many tokens; by characters where the model's tokenizer is not at hand. */
export function cutTokens(model: LanguageModel, text: string, maxTokens: number): string {
  // No token is shorter than a byte.
  if (Buffer.byteLength(text) <= maxTokens) return text
  if (model.capabilities.has("tokenizer")) return model.truncateText(text, maxTokens)
  return cutCharacters(text, maxTokens * CHARACTERS_PER_TOKEN)
}

function cutWords(text: string, most: number | undefined): string {
  if (most === undefined) return text
  const words = /\S+/gu
  let end = 0
  for (let count = 0; count < most; count++) {
    if (!words.exec(text)) return text
    end = words.lastIndex
  }
  return text.slice(0, end)
}

/** Never between the two halves of a character. */
function cutCharacters(text: string, most: number): string {
  if (text.length <= most) return text
  const last = text.charCodeAt(most - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? most - 1 : most)
}
