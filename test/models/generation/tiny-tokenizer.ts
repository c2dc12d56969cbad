/** A byte-level tokenizer of a few merges with ChatML's special tokens, as tokenizer.json has it. */
import { createTextCodec, type TextCodec } from "../../../src/models/generation/text-codec.js"

/** The printable characters that stand for bytes in byte-level vocabularies. */
export function byteCharacters(): string[] {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++))
}

const merges = [
  ["y", "e"],
  ["ye", "s"],
  ["n", "o"],
  ["Ġ", "yes"],
  ["Ġ", "no"],
  ["t", "h"],
  ["th", "e"],
  ["Ġ", "the"],
  ["i", "m"],
  ["im", "_"],
]

export const special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]

export const chatMl =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

export function tokenizerJson(): Record<string, unknown> {
  const words = [...byteCharacters(), ...merges.map((pair) => pair.join(""))]
  const vocab = Object.fromEntries(words.map((word, id) => [word, id]))
  const added = special.map((content, at) => ({
    id: words.length + at,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: !content.includes("think"),
  }))
  return {
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: "BPE", vocab, merges, unk_token: null, ignore_merges: false, byte_fallback: false },
  }
}

export function tinyCodec(chatTemplate: string | undefined = chatMl): TextCodec {
  return createTextCodec({
    tokenizer: tokenizerJson(),
    config: { eos_token: "<|im_end|>", ...(chatTemplate === "" ? {} : { chat_template: chatTemplate }) },
  })
}
