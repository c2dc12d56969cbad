import { setImmediate } from "node:timers/promises"
import { throwIfAborted } from "../core/errors.js"
import type { Tokenizer } from "./tokenizer.js"

export interface TokenizedTexts {
  readonly rows: readonly { readonly ids: number[] }[]
  /** Tokens of all rows, special ones included. */
  readonly tokens: number
  /** Positions of the texts that were cut. */
  readonly truncated: readonly number[]
}

/** Tokenizing gives the event loop a turn this often, in milliseconds. */
const TURN = 8

/** Tokenizes texts on this thread without holding it for long. Throws `aborted` between texts once the signal has fired. */
export async function tokenizeAll(
  tokenizer: Tokenizer,
  texts: readonly string[],
  maxLength: number,
  signal?: AbortSignal,
): Promise<TokenizedTexts> {
  throwIfAborted(signal)
  const truncated: number[] = []
  const rows: { ids: number[] }[] = []
  let tokens = 0
  let turn = performance.now()
  for (const [index, text] of texts.entries()) {
    const row = tokenizer.encode(text, { maxLength })
    if (row.truncated) truncated.push(index)
    tokens += row.ids.length
    rows.push(row)
    if (performance.now() - turn > TURN) {
      await setImmediate()
      throwIfAborted(signal)
      turn = performance.now()
    }
  }
  return { rows, tokens, truncated }
}
