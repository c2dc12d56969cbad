/** Where a prompt ends and its continuation begins, in tokens. @module */
import { RankineError } from "../../core/errors.js"
import type { PromptInput } from "./language-model.js"
import type { TextCodec } from "./text-codec.js"

/**
 * The tokens of prompt and continuation read as one text, and the place of the first that is not the prompt's: a token that spans the border
 * counts for the continuation.
 * @throws RankineError `argument` where either is empty
 */
export function continued(
  codec: TextCodec,
  input: PromptInput,
  continuation: string,
): { readonly whole: readonly number[]; readonly border: number } {
  const whole = codec.encode(input, continuation)
  const prompt = codec.encode(input)
  let border = 0
  while (border < prompt.length && prompt[border] === whole[border]) border++
  if (border === 0)
    throw new RankineError(
      "argument",
      "nothing stands before the text whose likelihood is asked: give a prompt of one token at least",
    )
  if (border === whole.length) throw new RankineError("argument", "the continuation is empty: give a text")
  return { whole, border }
}
