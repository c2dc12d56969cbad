/** A language model of pure arithmetic that judges by shared words, behind the real tokenizer, queue and prompts. */
import { LocalLanguageModel, type LocalModelOptions } from "../../../src/models/generation/local-language-model.js"
import { createTextCodec, type TextCodec } from "../../../src/models/generation/text-codec.js"
import { FakeDecoder, hashedLogits } from "../../models/generation/fake-decoder.js"
import { chatMl, tokenizerJson } from "../../models/generation/tiny-tokenizer.js"

/** Words that the judge's tokenizer has whole, beside those of the tiny one: true and false, with a space before them or not. */
function merges(word: string): [string, string][] {
  const pairs = [...word].slice(1).map((letter, at): [string, string] => [word.slice(0, at + 1), letter])
  return [...pairs, ["Ġ", word]]
}

export function judgeCodec(): TextCodec {
  const json = tokenizerJson()
  const model = json.model as { vocab: Record<string, number>; merges: [string, string][] }
  // The tiny tokenizer's own list stays as it is.
  model.merges = [...model.merges]
  const added = json.added_tokens as unknown[]
  let next = Object.keys(model.vocab).length + added.length
  for (const pair of [...merges("true"), ...merges("false")]) {
    model.merges.push(pair)
    model.vocab[pair.join("")] = next++
  }
  return createTextCodec({ tokenizer: json, config: { eos_token: "<|im_end|>", chat_template: chatMl } })
}

/** The prompt's text with its turns, and the ids so far. */
export type LogitsOf = (text: string, history: readonly number[], codec: TextCodec) => Readonly<Record<string, number>>

export interface JudgeOptions extends LocalModelOptions {
  /** Logits of tokens by their text; the others have -9. Default: random numbers. */
  readonly says?: LogitsOf
  readonly contextLength?: number
}

export interface Judge extends LocalLanguageModel {
  readonly decoder: FakeDecoder
  /** Texts after which logits were asked, in order. */
  readonly read: string[]
}

export function judge({ says, contextLength = 2048, ...options }: JudgeOptions = {}): Judge {
  const codec = judgeCodec()
  const read: string[] = []
  const logits = (history: readonly number[]) => {
    const text = codec.decode(history)
    read.push(text)
    if (!says) return hashedLogits(history, codec.size)
    const values = new Float32Array(codec.size).fill(-9)
    for (const [token, value] of Object.entries(says(text, history, codec))) values[codec.idOf(token)] = value
    return values
  }
  const decoder = new FakeDecoder({ vocabulary: codec.size, contextLength, logits })
  return Object.assign(new LocalLanguageModel(decoder, codec, { name: "judge", ...options }), { decoder, read })
}

/** How many different words of the query the passage of a prompt has. */
export function sharedWords(text: string): number {
  const query = /[Qq]uery>?: (.*)/.exec(text)?.[1] ?? ""
  const passage = new Set((/(?:[Pp]assage|[Dd]ocument)>?: (.*)/.exec(text)?.[1] ?? "").split(" "))
  return new Set(query.split(" ").filter((word) => passage.has(word))).size
}
