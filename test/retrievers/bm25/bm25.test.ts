import { describe, expect, it } from "vitest"
import { Bm25Index } from "../../../retrievers/bm25/index.js"
import { type Document, RankineError } from "../../../src/core/index.js"
import { describeRetriever } from "../../conformance/retriever.js"

describeRetriever("bm25", (documents) => Bm25Index.build(documents))
describeRetriever("bm25 with fields", (documents) => Bm25Index.build(documents, { fields: { title: 2, text: 1 } }))
describeRetriever("bm25 saturated on the query's side", (documents) => Bm25Index.build(documents, { querySide: true }))
describeRetriever("bm25+ after additions and deletions", async (documents) => {
  const index = await Bm25Index.build([...documents.slice(0, 4), { id: "gone", text: "fish fish" }], {
    variant: "bm25+",
  })
  await index.add(documents.slice(4))
  await index.delete(["gone"])
  return index
})

describe("Bm25Index", () => {
  const two: Document[] = [
    { id: "b", text: "heat pumps" },
    { id: "a", title: "Steam", text: "steam engines", fields: { author: "Rankine" } },
  ]

  it("searches named fields, each with its own lengths and weight", async () => {
    const index = await Bm25Index.build(two, { fields: { author: 3, text: 1 } })
    const [byAuthor, byTitle] = await index.retrieve([
      { id: "1", text: "rankine" },
      { id: "2", text: "steam" },
    ])
    expect(byAuthor!.hits.map((hit) => hit.id)).toEqual(["a"])
    expect(byTitle!.hits.map((hit) => hit.id)).toEqual(["a"])
    const [explained] = await index.retrieve([{ id: "1", text: "rankine steam" }], { explain: true })
    expect(explained!.hits[0]!.explanation!.details!.map((part) => part.description).sort()).toEqual([
      "author:rankin",
      "text:steam",
    ])
  })

  it("says what was odd about a query", async () => {
    const index = await Bm25Index.build(two)
    const rankings = await index.retrieve([
      { id: "1", text: "" },
      { id: "2", text: "the of and" },
      { id: "3", text: "zebra" },
      { id: "4", text: "heat" },
    ])
    expect(rankings.map(({ warnings, status }) => [status, ...warnings.map(({ code }) => code)])).toEqual([
      ["ranked", "empty-query"],
      ["ranked", "empty-query"],
      ["ranked", "no-known-terms"],
      ["ranked"],
    ])
  })

  it("reads words that JavaScript objects know, and very long ones", async () => {
    const long = "x".repeat(700)
    const index = await Bm25Index.build([
      { id: "__proto__", text: "constructor hasOwnProperty" },
      { id: "constructor", text: `__proto__ ${long}` },
    ])
    const [first, second] = await index.retrieve([
      { id: "1", text: "constructor" },
      { id: "2", text: long },
    ])
    expect(first!.hits.map((hit) => hit.id)).toEqual(["__proto__"])
    expect(second!.hits.map((hit) => hit.id)).toEqual(["constructor"])
  })

  it("describes itself with every parameter", async () => {
    const index = await Bm25Index.build(two, { variant: "bm25l", k1: 1.2 })
    expect(index.describe()).toEqual({
      name: "bm25",
      variant: "bm25l",
      norm: "exact",
      k1: 1.2,
      b: 0.4,
      delta: 0.5,
      analyzer: { name: "english" },
      querySide: false,
      documents: 2,
    })
  })

  it("reports progress and stops when asked to", async () => {
    const controller = new AbortController()
    controller.abort()
    await expect(Bm25Index.build(two, { signal: controller.signal })).rejects.toMatchObject({ code: "aborted" })
    const seen: number[] = []
    await Bm25Index.build(two, { onProgress: ({ done }) => seen.push(done) })
    expect(seen.at(-1)).toBe(2)
  })

  it("takes documents from an async source", async () => {
    async function* source() {
      yield* two
    }
    expect((await Bm25Index.build(source())).size).toBe(2)
  })

  const bad: [string, unknown, string][] = [
    ["an empty collection", [], "empty"],
    ["a document without id", [{ text: "x" }], "document 1 has no id"],
    ["an empty id", [{ id: "", text: "x" }], "document 1 has no id"],
    ["a document without text", [{ id: "a" }], '"a" has no text'],
    ["half a surrogate pair in an id", [{ id: "\ud800", text: "x" }], "surrogate"],
    [
      "duplicate ids",
      [
        { id: "a", text: "x" },
        { id: "a", text: "y" },
      ],
      'id "a"',
    ],
  ]
  for (const [what, documents, message] of bad)
    it(`refuses ${what}`, async () => {
      const error = await Bm25Index.build(documents as Document[]).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(RankineError)
      expect(error).toMatchObject({ code: "data", message: expect.stringContaining(message) })
    })

  for (const options of [
    { k1: -1 },
    { k1: Number.NaN },
    { b: 1.5 },
    { fields: {} },
    { fields: { text: 0 } },
    { variant: "bm42" },
    { norm: "short" },
    { analyzer: "klingon" },
  ])
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => new Bm25Index(options as object)).toThrow(RankineError)
    })

  it("needs stored documents for a filter, and says so", async () => {
    const index = await Bm25Index.build(two, { storeDocuments: false })
    await expect(index.retrieve([{ id: "q", text: "heat" }], { filter: { year: 1 } })).rejects.toMatchObject({
      code: "argument",
    })
    const [marked] = await index.retrieve([{ id: "q", text: undefined as unknown as string }], { onError: "mark" })
    expect(marked).toMatchObject({ status: "failed", error: { code: "argument" } })
  })
})
