/** One label out of what a model wrote: leniently to rank, strictly for rewards. @module */
import { type Prompt, withoutThoughts } from "../prompts/prompt.js"

export interface Choice {
  /** A position among the documents shown; undefined where none can be read, or one that was not shown is named. */
  readonly best: number | undefined
  /** The answer names nothing that was shown, or more than one label. */
  readonly malformed: boolean
}

/**
 * The document that an answer names first. A prompt with a tag wants it in a whole one behind the thoughts: what stands in thoughts that did not
 * come to an end is no answer.
 */
export function readChoice(prompt: Prompt, completion: string, count: number): Choice {
  const { tag } = prompt.file.answer
  let text = (prompt.file.prefill ?? "") + completion
  if (tag !== undefined) {
    text = withoutThoughts(text.replace(new RegExp(`</?(?:think|${tag})>`, "giu"), (mark) => mark.toLowerCase()))
    const open = text.lastIndexOf(`<${tag}>`)
    if (text.includes("<think>") || open === -1 || !text.includes(`</${tag}>`, open))
      return { best: undefined, malformed: true }
  }
  const named = prompt.positions(text)
  const best = named[0]
  const shown = best !== undefined && best >= 0 && best < count
  return { best: shown ? best : undefined, malformed: !shown || named.length > 1 }
}

/**
 * The document that an answer names exactly as the method asks for it, the label and nothing else in its place; undefined otherwise.
 * For rewards: one for the right document, nothing for any other answer.
 */
export function strictChoice(prompt: Prompt, completion: string, count: number): number | undefined {
  if (!prompt.isStrict(completion)) return undefined
  const { best, malformed } = readChoice(prompt, completion, count)
  return malformed ? undefined : best
}
