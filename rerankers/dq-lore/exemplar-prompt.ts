import type { LanguageModel, Message, PromptInput, PromptPart } from "../../src/models/index.js"
import type { Exemplar } from "./exemplar-pool.js"

/** Where a model without turns would begin a question of its own. */
export const QUESTION = "Question:"
const ANSWER = "Answer:"

/**
 * Solved questions, then one to be solved: as turns of a conversation, or as text for models that know none and for `plain`. Special tokens in
 * their texts stay plain.
 */
export function exemplarPrompt(
  exemplars: readonly Pick<Exemplar, "question" | "solution">[],
  question: string,
  form: "chat" | "plain",
): PromptInput {
  if (form === "chat") {
    const turns = exemplars.flatMap((exemplar): Message[] => [
      { role: "user", content: exemplar.question },
      { role: "assistant", content: exemplar.solution },
    ])
    return { messages: [...turns, { role: "user", content: question }] }
  }
  const parts: PromptPart[] = exemplars.flatMap((exemplar): PromptPart[] => [
    `${QUESTION} `,
    { text: exemplar.question },
    `\n${ANSWER} `,
    { text: exemplar.solution },
    "\n\n",
  ])
  return { prompt: [...parts, `${QUESTION} `, { text: question }, `\n${ANSWER}`] }
}

/** Turns where the model knows them. */
export function formFor(model: LanguageModel, wanted: "chat" | "plain" | undefined): "chat" | "plain" {
  return wanted ?? (model.capabilities.has("chat") ? "chat" : "plain")
}

/** A chain of thought as it is searched with: without the phrase that all of them begin with. */
export function chainOfThought(text: string): string {
  return text
    .replace(/^\s*(?:answer:\s*)?let['’]s think (?:about (?:this|it) )?step by step[.,:!]*\s*/iu, "")
    .replace(/\s+/gu, " ")
    .trim()
}
