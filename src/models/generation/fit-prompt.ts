/** Makes prompts fit into a model's context, and says what that cost. @module */
import { RankineError } from "../../core/errors.js"

export interface FitOptions {
  /** Most tokens of prompt and answer together. */
  readonly maxLength: number
  /** Tokens that the answer may have: 0 where only scores are read. */
  readonly answer: number
  readonly tooLong: "throw" | "cut-start" | "cut-end"
  readonly isSpecial: (id: number) => boolean
}

/**
 * The prompt itself where at least a token of the answer fits behind it. Cutting makes room for all of the answer, as far as half of
 * `maxLength` is left to the prompt; a special token at the beginning stays.
 * @throws RankineError `argument` for an empty prompt, and for one that is too long where cutting is not allowed
 */
export function fitPrompt(
  ids: readonly number[],
  { maxLength, answer, tooLong: long, isSpecial }: FitOptions,
): { readonly ids: readonly number[]; readonly cutTokens: number } {
  if (ids.length === 0) throw new RankineError("argument", "a prompt is empty: give at least one token")
  const limit = maxLength - Math.min(answer, 1)
  if (ids.length <= limit) return { ids, cutTokens: 0 }
  if (long === "throw") throw tooLong(ids.length, limit, "a prompt")
  const kept = Math.max(maxLength - answer, Math.ceil(maxLength / 2))
  const cutTokens = ids.length - kept
  if (long === "cut-end") return { ids: ids.slice(0, kept), cutTokens }
  // Models go astray without the token that begins every text.
  const begin = isSpecial(ids[0]!) ? ids.slice(0, 1) : []
  return { ids: [...begin, ...ids.slice(ids.length - kept + begin.length)], cutTokens }
}

/** The error for a prompt that does not fit. */
export function tooLong(tokens: number, limit: number, what: string): RankineError {
  return new RankineError(
    "argument",
    `${what} has ${tokens} tokens where ${limit} fit: shorten it, or allow cutting (tooLong: "cut-start" or "cut-end")`,
    { details: { tokens, limit } },
  )
}
