import { existsSync, readFileSync } from "node:fs"
import { homedir } from "node:os"
import { join, resolve } from "node:path"
import { describe, expect, it } from "vitest"
import type { GgufValue } from "../../../src/models/checkpoint/gguf-cursor.js"
import { type GgufFile, openGgufFile } from "../../../src/models/checkpoint/gguf-file.js"
import { ggufTokenizer, ggufTokenizerFiles } from "../../../src/models/tokenizer-gguf.js"

/** Ids by Hugging Face's own libraries in Python. */
const golden = JSON.parse(readFileSync(new URL("fixtures/gguf-tokenizers.json", import.meta.url), "utf8")) as {
  texts: string[]
  ids: Record<string, number[][]>
  learned: { tokens: string[]; merges: string[] }
}
const models = process.env.RANKINE_MODELS ?? join(homedir(), ".cache/rankine/models")
const smol = join(models, "SmolLM2-135M-Instruct/model.gguf")
const gemma = join(models, "gemma-3-270m/model.gguf")
const shared = resolve(import.meta.dirname, "../../../../shared/models")
const stories = join(shared, "stories260K")

/** A file with nothing but metadata. */
function fileWith(values: Record<string, GgufValue>): GgufFile {
  return { files: ["made.gguf"], values: new Map(Object.entries(values)) } as unknown as GgufFile
}

const bytes = (values: Record<string, GgufValue> = {}) =>
  fileWith({
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.tokens": golden.learned.tokens,
    "tokenizer.ggml.merges": golden.learned.merges,
    ...values,
  })

const named = (start: string) =>
  Object.keys(golden.ids).flatMap((key) => (key.startsWith(start) ? [key.slice(start.length)] : []))

describe("byte-level tokenizers of GGUF files", () => {
  // The vocabulary was learned without splitting texts, so that every split shows.
  it.each(named("learned "))("split texts as %s does", (pre) => {
    const tokenizer = ggufTokenizer(bytes({ "tokenizer.ggml.pre": pre }))
    for (const [index, text] of golden.texts.entries())
      expect(tokenizer.encode(text, { special: false }).ids, text).toEqual(golden.ids[`learned ${pre}`]![index])
  })

  it("tell ways of splitting apart", () => {
    const ways = named("learned ").map((pre) => JSON.stringify(golden.ids[`learned ${pre}`]))
    expect(new Set(ways).size).toBe(ways.length)
  })

  it("begin texts where the file says so, or where the way to split does", () => {
    const ids = { "tokenizer.ggml.bos_token_id": 5, "tokenizer.ggml.eos_token_id": 6 }
    const encode = (values: Record<string, GgufValue>) => ggufTokenizer(bytes({ ...ids, ...values })).encode("a").ids
    const [a] = encode({ "tokenizer.ggml.pre": "gpt-2" })
    expect(encode({ "tokenizer.ggml.pre": "llama-bpe" })).toEqual([5, a])
    expect(encode({ "tokenizer.ggml.pre": "llama-bpe", "tokenizer.ggml.add_bos_token": false })).toEqual([a])
    expect(encode({ "tokenizer.ggml.add_bos_token": true, "tokenizer.ggml.add_eos_token": true })).toEqual([5, a, 6])
  })

  it("give a chat template, or several by name", () => {
    const plain = { "tokenizer.chat_template": "{{ messages }}" }
    expect(ggufTokenizerFiles(bytes(plain)).config.chat_template).toBe("{{ messages }}")
    expect(
      ggufTokenizerFiles(bytes({ ...plain, "tokenizer.chat_template.tool_use": "tools" })).config.chat_template,
    ).toEqual([
      { name: "default", template: "{{ messages }}" },
      { name: "tool_use", template: "tools" },
    ])
  })

  it("refuse what they would get wrong", () => {
    expect(() => ggufTokenizer(bytes({ "tokenizer.ggml.pre": "unheard-of" }))).toThrow(/pre "unheard-of" is not supp/)
    expect(() => ggufTokenizer(bytes({ "tokenizer.ggml.model": "rwkv" }))).toThrow(/"rwkv" is not supported/)
    expect(() => ggufTokenizer(bytes({ "tokenizer.ggml.merges": [] }))).toThrow(/lacks tokenizer.ggml.merges/)
    expect(() => ggufTokenizer(bytes({ "tokenizer.ggml.token_type": [1, 2] }))).toThrow(/token_type is no list of/)
    expect(() => ggufTokenizer(fileWith({ "tokenizer.ggml.model": "gpt2" }))).toThrow(/carries no tokenizer/)
  })
})

describe.skipIf(!existsSync(stories))("the tokenizer in stories260K.gguf", () => {
  it("joins pieces as tokenizer.json does", async () => {
    const { tokenizer } = ggufTokenizerFiles(await openGgufFile(join(stories, "stories260K.gguf")))
    const original = JSON.parse(readFileSync(join(stories, "tokenizer.json"), "utf8"))
    const model = tokenizer.model as { merges: [string, string][]; vocab: object }
    expect(model.merges.map((pair) => pair.join(" "))).toEqual(original.model.merges)
    expect(model.vocab).toEqual(original.model.vocab)
    expect(tokenizer.normalizer).toEqual(original.normalizer)
    expect(tokenizer.decoder).toEqual(original.decoder)
    expect(tokenizer.added_tokens).toEqual(original.added_tokens)
    expect(tokenizer.post_processor).toEqual(original.post_processor)
  })

  it("gives the same ids and the same texts back", async () => {
    const tokenizer = ggufTokenizer(await openGgufFile(join(stories, "stories260K.gguf")))
    for (const [index, text] of golden.texts.entries()) {
      const { ids } = tokenizer.encode(text)
      expect(ids, text).toEqual(golden.ids.stories260K![index])
      if (!text.includes("<")) expect(tokenizer.decode(ids.slice(1))).toBe(text)
    }
  })
})

function referenceOf(
  name: string,
): { prompt: string; input_ids: number[]; greedy_ids: number[]; greedy_text: string }[] {
  return JSON.parse(readFileSync(join(shared, `reference/${name}.json`), "utf8"))
}

describe.skipIf(!existsSync(smol))("the tokenizer in SmolLM2-135M-Instruct's file", async () => {
  const tokenizer = existsSync(smol) ? ggufTokenizer(await openGgufFile(smol)) : undefined!

  it("gives the ids of Python's tokenizers", () => {
    for (const [index, text] of golden.texts.entries())
      expect(tokenizer.encode(text).ids, text).toEqual(golden.ids.SmolLM2![index])
    expect(tokenizer.special).toMatchObject({ bos: 1, eos: 2, unk: 0, pad: 2 })
    expect(tokenizer.size).toBe(49152)
  })

  it.skipIf(!existsSync(shared))("gives the ids and texts of the reference", () => {
    for (const { prompt, input_ids, greedy_ids, greedy_text } of referenceOf("SmolLM2-135M-Instruct")) {
      expect(tokenizer.encode(prompt).ids, prompt).toEqual(input_ids)
      expect(tokenizer.decode(greedy_ids)).toBe(greedy_text.replaceAll("<|im_end|>", ""))
    }
  })
})

describe.skipIf(!existsSync(gemma))("the tokenizer in gemma-3-270m's file", async () => {
  const tokenizer = existsSync(gemma) ? ggufTokenizer(await openGgufFile(gemma)) : undefined!

  it("gives the ids of transformers", () => {
    for (const [index, text] of golden.texts.entries())
      expect(tokenizer.encode(text).ids, text).toEqual(golden.ids.gemma![index])
    expect(tokenizer.special).toMatchObject({ bos: 2, eos: 1, unk: 3, pad: 0 })
  })

  it.skipIf(!existsSync(shared))("gives the ids and texts of the reference", () => {
    for (const { prompt, input_ids, greedy_ids, greedy_text } of referenceOf("gemma-3-270m")) {
      expect(tokenizer.encode(prompt).ids, prompt).toEqual(input_ids)
      expect(tokenizer.decode(greedy_ids)).toBe(greedy_text.replaceAll("<eos>", ""))
    }
  })
})
