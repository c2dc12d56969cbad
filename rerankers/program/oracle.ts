/** Who answers the questions of reranking programs: a language model behind a prompt, or a function in a test. @module */
import type { RerankTask, Usage } from "../../src/core/index.js"

/** Among cut texts: the query's. */
export const QUERY = -1

/** What an oracle says to one question. */
export interface Answered<Answer> {
  readonly answer: Answer
  readonly usage: Usage
  /** Positions of documents whose texts were cut, and `QUERY` where the query was. */
  readonly truncated?: readonly number[]
  /** Pieces of texts that were changed because they looked like identifiers or tags of the prompt. */
  readonly escaped?: number
  /** The answer had to be repaired, or nothing could be read from it. */
  readonly malformed?: boolean
}

export interface AskOptions {
  readonly signal?: AbortSignal
  readonly seed?: number
}

/**
 * Answers questions about one task. Questions of one call do not depend on each other and are answered together; calls of several queries
 * run side by side.
 */
export interface Oracle<Question, Answer> {
  readonly name: string
  /** Changes when answers may: model, prompt, settings. */
  readonly fingerprint: string
  /** Answers in the order of the questions. Throws `model` where the model fails; what a model says amiss is repaired and marked. */
  ask(task: RerankTask, questions: readonly Question[], options: AskOptions): Promise<readonly Answered<Answer>[]>
  /** Most tokens that a question may take, prompt and answer; needed where a budget limits tokens. */
  mostTokens(task: RerankTask, question: Question): number
  /** Plain data for `describe`: model, prompt's name and hash, settings. */
  describe(): Readonly<Record<string, unknown>>
  /** Languages of the model, where they are known. */
  readonly languages?: readonly string[] | undefined
}
