import type { RerankTask } from "../../src/core/index.js"
import type { PointwiseQuestion } from "../program/questions.js"
import type { Prompt, Shown } from "../prompts/index.js"

export interface InstructedShow {
  (question: PointwiseQuestion, task: RerankTask): Shown
  /** The place as it is for queries without an instruction of their own. */
  readonly values: { readonly instruct: string }
}

/**
 * Fills the place `{instruct}`: with the query's own instruction, else with the method's.
 *
 * @param line the place's text; the instruction is clean, and empty where there is none
 */
export function instructed(
  prompt: Prompt,
  instruction = "",
  line: (text: string) => string = (text) => text,
): InstructedShow {
  const placed = (text: string) => line(prompt.clean(text).text)
  const values = { instruct: placed(instruction) }
  const show = ({ document }: PointwiseQuestion, { query }: RerankTask): Shown => ({
    documents: [document],
    values: query.instruction?.trim() ? { instruct: placed(query.instruction) } : values,
  })
  return Object.assign(show, { values })
}
