/** Named tokens among those that an endpoint lists. @module */
import { RankineError } from "../../../core/errors.js"
import type { ChosenToken, TokenLogprob } from "../language-model.js"
import type { TextCodec } from "../text-codec.js"

export interface WantedToken {
  /** Missing where there is no tokenizer. */
  readonly id?: number
  readonly text: string
}

/** Throws `argument` for ids without a tokenizer, and with one for texts that are not one token. */
export function wantedTokens(candidates: readonly (string | number)[], codec: TextCodec | undefined): WantedToken[] {
  return candidates.map((candidate) => {
    if (codec) {
      const id = codec.idOf(candidate)
      return { id, text: codec.textOf(id) }
    }
    if (typeof candidate === "string") return { text: candidate }
    throw new RankineError(
      "argument",
      "tokens by id need the model's tokenizer: give their texts, or a codec (loadTextCodec)",
    )
  })
}

/** By id where ids are known, else by text; -Infinity for a token that is not listed. */
export function logprobsOf(wanted: readonly WantedToken[], { top, ...own }: ChosenToken): number[] {
  const listed: readonly TokenLogprob[] = [...top, own]
  return wanted.map((token) => {
    const found =
      listed.find(({ id }) => id !== undefined && id === token.id) ??
      listed.find(({ id, text }) => (id === undefined || token.id === undefined) && text === token.text)
    return found?.logprob ?? Number.NEGATIVE_INFINITY
  })
}
