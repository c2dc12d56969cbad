import { existsSync } from "node:fs"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { loadTokenizer, type Tokenizer } from "../../src/models/tokenizer.js"

/** Made by fixtures/make_tokenizers.py with the Rust tokenizers package. */
interface Goldens {
  readonly texts: readonly string[]
  readonly pairs: readonly (readonly [string, string])[]
  readonly cutLength: number
  readonly pairLength: number
  readonly tokenizers: Readonly<Record<string, Golden>>
}
interface Golden {
  readonly size: number
  readonly texts: readonly number[][]
  readonly bare: readonly number[][]
  readonly cut: readonly number[][]
  readonly pairs: readonly ({ ids: number[]; typeIds: number[] } | null)[]
}

const models = join(import.meta.dirname, "../../../shared/models")
const goldens: Goldens = JSON.parse(await readFile(join(import.meta.dirname, "fixtures/tokenizers.json"), "utf8"))

describe.skipIf(!existsSync(models)).each(Object.entries(goldens.tokenizers))("tokenizer of %s", (name, golden) => {
  let tokenizer: Tokenizer
  beforeAll(async () => {
    tokenizer = await loadTokenizer(join(models, name))
  })

  it("gives the ids of the original", () => {
    for (const [index, text] of goldens.texts.entries()) {
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual({ ids: golden.texts[index], truncated: false })
      expect(tokenizer.encode(text, { special: false }).ids, JSON.stringify(text)).toEqual(golden.bare[index])
    }
    expect(tokenizer.size).toBe(golden.size)
  })

  it("cuts the text and keeps the special tokens", () => {
    for (const [index, text] of goldens.texts.entries()) {
      const { ids, truncated } = tokenizer.encode(text, { maxLength: goldens.cutLength })
      expect(ids, JSON.stringify(text)).toEqual(golden.cut[index])
      expect(truncated).toBe(golden.texts[index].length > goldens.cutLength)
    }
  })

  it("reads no more of a long text than it keeps, and keeps the same", () => {
    const words = goldens.texts.join(" ").split(" ")
    for (let start = 0; start < words.length; start += 7) {
      const text = `${words.slice(start).join(" ")} ${"and so on   it\ngoes ".repeat(500)}`
      const whole = tokenizer.encode(text, { special: false }).ids
      for (const maxLength of [1, 2, 5, 30])
        expect(tokenizer.encode(text, { special: false, maxLength })).toEqual({
          ids: whole.slice(0, maxLength),
          truncated: true,
        })
    }
    // A token for 30 characters, with the words far apart: the first try is not enough, and nothing is cut.
    const sparse = `hello${" ".repeat(400)}world${" ".repeat(400)}`
    expect(tokenizer.encode(sparse, { special: false, maxLength: 1500 })).toEqual({
      ids: tokenizer.encode(sparse, { special: false }).ids,
      truncated: false,
    })
  })

  it("cuts only the document of a pair", () => {
    for (const [index, [query, document]] of goldens.pairs.entries()) {
      const pair = tokenizer.encodePair(query, document, { maxLength: goldens.pairLength })
      const expected = golden.pairs[index]
      if (expected) expect({ ids: pair.ids, typeIds: pair.typeIds }, query).toEqual(expected)
      expect(pair.queryTruncated).toBe(expected === null)
      const whole = tokenizer.encodePair(query, document, { maxLength: 10_000 })
      expect(pair.truncated).toBe(whole.ids.length > goldens.pairLength)
      expect(whole.truncated).toBe(false)
      expect(pair.ids.length).toBe(Math.min(goldens.pairLength, whole.ids.length))
    }
  })
})

describe("loadTokenizer", () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rankine-tokenizer-"))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const vocab = Object.fromEntries(
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "cat", "dog", "##s"].map((token, id) => [token, id]),
  )
  const json = {
    added_tokens: ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map((content, id) => ({ id, content, special: true })),
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: { type: "RobertaProcessing", cls: ["[CLS]", 2], sep: ["[SEP]", 3] },
    decoder: { type: "WordPiece", prefix: "##" },
    model: { type: "WordPiece", vocab, unk_token: "[UNK]", continuing_subword_prefix: "##" },
  }

  it("needs no tokenizer_config.json, and knows the special tokens without it", async () => {
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify(json))
    const tokenizer = await loadTokenizer(folder)
    expect(tokenizer.special).toEqual({ pad: 0, unk: 1, cls: 2, sep: 3 })
    expect(tokenizer.maxLength).toBeUndefined()
    expect(tokenizer.encode("cats fish")).toEqual({ ids: [2, 4, 6, 1, 3], truncated: false })
    expect(tokenizer.encodePair("cat", "dog", { maxLength: 8 })).toEqual({
      ids: [2, 4, 3, 3, 5, 3],
      typeIds: [0, 0, 0, 0, 0, 0],
      truncated: false,
      queryTruncated: false,
    })
    expect(tokenizer.decode([4, 6])).toBe("cats")
    expect([tokenizer.idOf("dog"), tokenizer.idOf("bird"), tokenizer.tokenOf(5)]).toEqual([5, undefined, "dog"])
  })

  it("cuts the query last and says so", async () => {
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify(json))
    const tokenizer = await loadTokenizer(folder)
    const pair = tokenizer.encodePair("cat cat cat", "dog dog", { maxLength: 6 })
    expect(pair).toMatchObject({ ids: [2, 4, 4, 3, 3, 3], truncated: true, queryTruncated: true })
    expect(tokenizer.encodePair("cat", "dog dog", { maxLength: 6 })).toMatchObject({
      truncated: true,
      queryTruncated: false,
    })
  })

  it("refuses lengths without room for a text", async () => {
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify(json))
    const tokenizer = await loadTokenizer(folder)
    for (const maxLength of [2, 0, -1, 5.5, Number.NaN])
      expect(() => tokenizer.encode("cat", { maxLength })).toThrow(/maxLength must be a whole number above 2/)
    expect(() => tokenizer.encodePair("cat", "dog", { maxLength: 4 })).toThrow(/above 4/)
  })

  it("says which file is missing or broken", async () => {
    await expect(loadTokenizer(join(folder, "none"))).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("tokenizer.json"),
    })
    await writeFile(join(folder, "tokenizer.json"), "{")
    await expect(loadTokenizer(folder)).rejects.toMatchObject({ code: "data" })
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify({ ...json, model: { type: "Telepathy", vocab } }))
    await expect(loadTokenizer(folder)).rejects.toThrow(/"Telepathy" is not supported/)
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify({ ...json, post_processor: { type: "Other" } }))
    await expect(loadTokenizer(folder)).rejects.toThrow(/PostProcessor type: Other/)
  })
})
