/** Token ids of whole texts, word by word from memory where the tokenizer allows it. @module */
import type { Tokenizer } from "./tokenizer.js"

/** Appends the ids of a text's tokens, without special tokens and without the unknown one. */
export type ReadTokens = (text: string, ids: number[]) => void

/** Words that are remembered. */
const MOST_WORDS = 16_384

/**
 * A reader of texts. With BERT's tokenizer a text is cut at white space and punctuation before anything else happens, so that a word has
 * the same tokens wherever it stands: words of printable ASCII are looked up, which is many times faster than reading them anew. Other
 * stretches between white space, and all texts of other tokenizers, go to the tokenizer itself.
 */
export function tokenReader(tokenizer: Tokenizer, json: Record<string, unknown>): ReadTokens {
  const unknown = unknownId(tokenizer, json)
  const plain = (text: string): number[] =>
    tokenizer.encode(text, { special: false }).ids.filter((id) => id !== unknown)
  const append = (ids: number[], some: readonly number[]) => {
    for (const id of some) ids.push(id)
  }
  if (!isBert(json)) return (text, ids) => append(ids, plain(text))

  const added = addedTokens(json)
  const known = new Map<string, readonly number[]>()
  const lookUp = (word: string): readonly number[] => {
    const found = known.get(word)
    if (found) return found
    const ids = plain(word)
    if (known.size >= MOST_WORDS) known.clear()
    // A piece of a text keeps the whole text alive: what is remembered is a copy.
    known.set(Buffer.from(word, "utf16le").toString("utf16le"), ids)
    return ids
  }
  return (text, ids) => {
    // Added tokens are found before the text is cut into words, and across spaces.
    if (added.some((token) => text.includes(token))) {
      append(ids, plain(text))
      return
    }
    const { length } = text
    for (let at = 0; at < length; ) {
      if (isSpace(text.charCodeAt(at))) {
        at++
        continue
      }
      let end = at
      let ascii = true
      for (; end < length; end++) {
        const unit = text.charCodeAt(end)
        if (isSpace(unit)) break
        if (unit < 33 || unit > 126) ascii = false
      }
      if (!ascii) append(ids, lookUp(text.slice(at, end)))
      else
        for (let from = at; from < end; ) {
          let to = from + 1
          if (!isPunctuation(text.charCodeAt(from))) while (to < end && !isPunctuation(text.charCodeAt(to))) to++
          append(ids, lookUp(text.slice(from, to)))
          from = to
        }
      at = end
    }
  }
}

/** Space, tab, line feed, carriage return: white space in every reading of the tokenizer. */
function isSpace(unit: number): boolean {
  return unit === 32 || unit === 9 || unit === 10 || unit === 13
}

/** Of printable ASCII, everything but letters and digits. */
function isPunctuation(unit: number): boolean {
  return unit < 48 || (unit > 57 && unit < 65) || (unit > 90 && unit < 97) || unit > 122
}

function isBert(json: Record<string, unknown>): boolean {
  return (
    typeOf(json.normalizer) === "BertNormalizer" &&
    typeOf(json.pre_tokenizer) === "BertPreTokenizer" &&
    typeOf(json.model) === "WordPiece"
  )
}

/** Only tokenizers that name their unknown token lose it; model2vec keeps what a Unigram tokenizer gives for unknown characters. */
function unknownId(tokenizer: Tokenizer, json: Record<string, unknown>): number | undefined {
  const token = (json.model as { unk_token?: unknown } | undefined)?.unk_token
  return typeof token === "string" ? tokenizer.idOf(token) : undefined
}

function addedTokens(json: Record<string, unknown>): string[] {
  const list = Array.isArray(json.added_tokens) ? (json.added_tokens as { content?: unknown }[]) : []
  return list.flatMap(({ content }) => (typeof content === "string" && content !== "" ? [content] : []))
}

function typeOf(part: unknown): unknown {
  return typeof part === "object" && part !== null ? (part as { type?: unknown }).type : undefined
}
