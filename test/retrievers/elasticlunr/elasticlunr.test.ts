import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { ElasticlunrRetriever, registerPipelineFunction } from "../../../retrievers/elasticlunr/index.js"
import { type Document, RankineError } from "../../../src/core/index.js"
import { conformanceDocuments, describeRetriever } from "../../conformance/retriever.js"

interface Page {
  Index: { load(data: unknown): PageIndex }
  addStopWords(words: string[]): void
  resetStopWords(): void
  clearStopWords(): void
  tokenizer: { setSeperator(separator: RegExp): void; resetSeperator(): void }
}
interface PageIndex {
  addField(name: string): void
  setRef(name: string): void
  addDoc(document: unknown): void
  saveDocument(save: boolean): void
  search(text: string, config?: unknown): { ref: string; score: number }[]
  documentStore: { getDoc(ref: string): { text: string } | null }
}
/** The library as a page or another part of the program uses it. */
const page = createRequire(import.meta.url)("elasticlunr") as Page &
  ((configure: (this: PageIndex) => void) => PageIndex)

describeRetriever("elasticlunr", (documents) => ElasticlunrRetriever.build(documents))
describeRetriever("elasticlunr, expanding", (documents) => ElasticlunrRetriever.build(documents, { expand: true }))
describeRetriever("elasticlunr with boosts, through JSON", async (documents) => {
  const fields = { title: 3, text: 0.5 }
  const built = await ElasticlunrRetriever.build(documents, { fields })
  return ElasticlunrRetriever.fromJSON(JSON.stringify(built), { fields })
})

const random = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return seed / 2 ** 32
}
const vocabulary =
  "wave waves waving wall walls fish fisher fishing rock rocket sea seal cold colder ship shipping".split(" ")
function randomDocuments(count: number, next: () => number): Document[] {
  const words = (size: number) =>
    Array.from({ length: 1 + Math.floor(next() * size) }, () => vocabulary[Math.floor(next() * vocabulary.length)]!)
  return Array.from({ length: count }, (_, id) => ({
    id: `d${id}`,
    title: words(4).join(" "),
    text: words(25).join(" "),
  }))
}
const codeOf = async (run: () => unknown): Promise<string> => {
  try {
    await run()
  } catch (error) {
    return error instanceof RankineError ? error.code : String(error)
  }
  return "no error"
}

describe("the library's own answers", () => {
  const next = random(5)
  const documents = randomDocuments(60, next)
  const own = page(function () {
    this.setRef("id")
    this.addField("title")
    this.addField("text")
  })
  for (const document of documents) own.addDoc(document)
  const queries = Array.from({ length: 40 }, () =>
    Array.from({ length: 1 + Math.floor(next() * 4) }, () => vocabulary[Math.floor(next() * vocabulary.length)]!).join(
      " ",
    ),
  )

  const settings = [
    { fields: { title: 1, text: 1 } },
    { fields: { title: 2.5, text: 0.5 }, bool: "AND" },
    { fields: { title: 0, text: 1 }, expand: true },
    { fields: { title: 2, text: 1 }, expand: true, bool: "AND" },
  ] as const
  it.each(settings.map((setting) => [JSON.stringify(setting), setting] as const))("%s", async (_, setting) => {
    const retriever = ElasticlunrRetriever.fromJSON(JSON.stringify(own), setting)
    const config = {
      bool: "bool" in setting ? setting.bool : "OR",
      expand: "expand" in setting,
      fields: Object.fromEntries(Object.entries(setting.fields).map(([field, boost]) => [field, { boost }])),
    }
    let answers = 0
    for (const text of queries) {
      const [ranking] = await retriever.retrieve([{ id: "q", text }], { explain: true })
      const expected = new Map(own.search(text, config).map(({ ref, score }) => [ref, score]))
      expect(new Map(ranking!.hits.map((hit) => [hit.id, hit.score]))).toEqual(expected)
      answers += expected.size
      for (const { explanation } of ranking!.hits)
        expect(explanation!.details!.reduce((sum, part) => sum + part.value, 0)).toBeCloseTo(explanation!.value, 9)
    }
    expect(answers).toBeGreaterThan(40)
  })

  it("a page reads what was built here, and finds the same", async () => {
    const built = await ElasticlunrRetriever.build(documents)
    expect(JSON.parse(JSON.stringify(built))).toEqual(JSON.parse(JSON.stringify(own)))
    const inPage = page.Index.load(JSON.parse(JSON.stringify(built)))
    expect(inPage.search("cold sea")).toEqual(own.search("cold sea"))
    expect(inPage.documentStore.getDoc("d3")!.text).toBe(documents[3]!.text)
  })
})

describe("the library's traps", () => {
  const inherited: Document[] = [
    { id: "a", text: "The constructor calls the constructor of __proto__ once." },
    { id: "b", text: "Nothing but a prototype." },
    { id: "constructor", text: "nothing here" },
    { id: "__proto__", text: "nothing there", metadata: { year: 1 } },
    { id: "toString", text: "nothing anywhere" },
    { id: "\u0001constructor", text: "nothing at all, quokka" },
  ]

  it("words and ids that every object inherits are indexed like others", async () => {
    const before = Object.getOwnPropertyNames(Object.prototype)
    const retriever = await ElasticlunrRetriever.build(inherited)
    const search = async (text: string) =>
      (await retriever.retrieve([{ id: "q", text }], { explain: true }))[0]!.hits.map((hit) => hit.id)
    expect(await search("constructor")).toEqual(["a"])
    expect(await search("__proto__")).toEqual(["a"])
    expect((await search("nothing")).toSorted()).toEqual([
      "\u0001constructor",
      "__proto__",
      "b",
      "constructor",
      "toString",
    ])
    expect(await search("quokka")).toEqual(["\u0001constructor"])
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
    expect(Object.hasOwn(Object, "text")).toBe(false)
    const [found, none] = await retriever.documents!.get(["__proto__", "valueOf"])
    expect(found).toEqual(inherited[3])
    expect(none).toBeUndefined()
    const again = ElasticlunrRetriever.fromJSON(JSON.stringify(retriever))
    const [ranking] = await again.retrieve([{ id: "q", text: "nothing", excludedIds: ["constructor", "b"] }])
    expect(ranking!.hits.map((hit) => hit.id).toSorted()).toEqual(["\u0001constructor", "__proto__", "toString"])
  })

  it("the library alone goes wrong there, which is why", () => {
    const alone = page(function () {
      this.addField("text")
    })
    alone.addDoc({ id: "a", text: "the constructor, the constructor" })
    expect(alone.search("constructor")[0]!.score).toBeNaN()
  })

  it("mends the word count that the library lost, and says so", async () => {
    const alone = page(function () {
      this.addField("text")
    })
    alone.addDoc({ id: "a", text: "the constructor" })
    alone.addDoc({ id: "b", text: "the destructor" })
    const retriever = ElasticlunrRetriever.fromJSON(JSON.stringify(alone))
    expect(retriever.warnings).toEqual([{ code: "repaired", count: 1 }])
    const [ranking] = await retriever.retrieve([{ id: "q", text: "constructor" }])
    expect(ranking!.hits.map((hit) => hit.id)).toEqual(["a"])
    // tf 1, idf 1 + ln(2 / 2), one word left of two.
    expect(ranking!.hits[0]!.score).toBe(1)
  })

  it("what the program does to its own copy of the library does not matter here", async () => {
    const documents = [{ id: "a", text: "granite_boulder rocks" }]
    const text = async () => JSON.stringify(await ElasticlunrRetriever.build(documents))
    const before = await text()
    try {
      page.addStopWords(["rocks"])
      page.tokenizer.setSeperator(/_/)
      expect(await text()).toBe(before)
      page.clearStopWords()
      expect(await text()).toBe(before)
    } finally {
      page.resetStopWords()
      page.tokenizer.resetSeperator()
    }
  })

  it("without stored documents hits have ids only, and filters are refused", async () => {
    const retriever = await ElasticlunrRetriever.build(conformanceDocuments, { storeDocuments: false })
    expect(retriever.documents).toBeUndefined()
    expect(JSON.stringify(retriever)).not.toContain("shallow")
    const again = ElasticlunrRetriever.fromJSON(JSON.stringify(retriever))
    expect(again.documents).toBeUndefined()
    expect((await again.retrieve([{ id: "q", text: "herons" }]))[0]!.hits[0]!.id).toBe("herons")
    expect(await codeOf(() => again.retrieve([{ id: "q", text: "herons" }], { filter: { year: 1 } }))).toBe("argument")
  })

  it("keeps pipeline functions of one's own by label", async () => {
    registerPipelineFunction("test-strip-s", (token) => token.replace(/s$/, ""))
    const built = await ElasticlunrRetriever.build(conformanceDocuments, { pipeline: ["trimmer", "test-strip-s"] })
    const [ranking] = await ElasticlunrRetriever.fromJSON(JSON.stringify(built)).retrieve([
      { id: "q", text: "owl the" },
    ])
    expect(ranking!.hits[0]!.id).toBe("owls")
    const json = JSON.stringify(built).replace("test-strip-s", "lost-function")
    expect(() => ElasticlunrRetriever.fromJSON(json)).toThrow(/"lost-function".*registerPipelineFunction/)
  })
})

describe("documents of other origin", () => {
  it("are read from an index whose pages called them otherwise", async () => {
    const alone = page(function () {
      this.setRef("url")
      this.addField("heading")
      this.addField("body")
    })
    alone.addDoc({ url: "/a", heading: "Tides", body: "The moon pulls the sea.", section: "nature", level: 2 })
    const retriever = ElasticlunrRetriever.fromJSON(JSON.stringify(alone), { titleField: "heading" })
    const [document] = await retriever.documents!.get(["/a"])
    expect(document).toEqual({
      id: "/a",
      title: "Tides",
      text: "The moon pulls the sea.",
      fields: { section: "nature" },
      metadata: { level: 2 },
    })
    const [ranking] = await retriever.retrieve([{ id: "q", text: "moon" }], { filter: { level: { $gte: 2 } } })
    expect(ranking!.hits).toHaveLength(1)
  })
})

describe("bad input", () => {
  const builds: [string, unknown[], string, RegExp][] = [
    ["no documents", [], "data", /no documents/],
    ["no id", [{ text: "x" }], "data", /document number 1 needs an id/],
    ["a number as id", [{ id: 7, text: "x" }], "data", /non-empty string, got 7/],
    ["no text", [{ id: "a" }], "data", /document "a" needs a text/],
    [
      "an id twice",
      [
        { id: "a", text: "x" },
        { id: "a", text: "y" },
      ],
      "data",
      /two documents have the id "a"/,
    ],
  ]
  it.each(builds)("%s", async (_, documents, code, message) => {
    const build = () => ElasticlunrRetriever.build(documents as Document[])
    expect(await codeOf(build)).toBe(code)
    await expect(build()).rejects.toThrow(message)
  })

  it("counts documents without words", async () => {
    const retriever = await ElasticlunrRetriever.build([...conformanceDocuments, { id: "void", text: "the 。" }])
    expect(retriever.warnings).toEqual([{ code: "empty-document", count: 1, ids: ["void"] }])
  })

  it("refuses impossible options", async () => {
    const build = (options: object) => codeOf(() => ElasticlunrRetriever.build(conformanceDocuments, options))
    for (const options of [
      { fields: {} },
      { fields: { text: -1 } },
      { fields: { constructor: 1 } },
      { fields: { id: 1 } },
      { bool: "XOR" },
      { pipeline: ["no such function"] },
      { pipeline: ["toString"] },
    ])
      expect([options, await build(options)]).toEqual([options, "argument"])
    const json = JSON.stringify(await ElasticlunrRetriever.build(conformanceDocuments))
    expect(() => ElasticlunrRetriever.fromJSON(json, { fields: { titel: 1 } })).toThrow(
      /no field "titel": it has title, text/,
    )
  })

  it("stops building when told to", async () => {
    const controller = new AbortController()
    const documents = function* () {
      for (let id = 0; ; id++) {
        if (id === 1000) controller.abort()
        yield { id: String(id), text: "x" }
      }
    }
    expect(await codeOf(() => ElasticlunrRetriever.build(documents(), { signal: controller.signal }))).toBe("aborted")
  })

  type Change = (index: {
    version: string
    fields: unknown
    documentStore: { docs: Record<string, unknown>; docInfo: Record<string, unknown>; length: number }
    index: Record<string, { root: { docs: object; df: unknown; g?: unknown } }>
    pipeline: unknown
  }) => void
  const changes: [string, Change, string][] = [
    ["another version", (index) => (index.version = "1.0.0"), "index-version"],
    ["no fields", (index) => (index.fields = []), "data"],
    ["a field without postings", (index) => delete index.index.text, "data"],
    ["a wrong number of documents", (index) => index.documentStore.length++, "data"],
    ["a document without lengths", (index) => delete index.documentStore.docInfo.owls, "data"],
    ["a document that is a number", (index) => (index.documentStore.docs.owls = 3), "data"],
    ["a posting of an unknown document", (index) => (index.index.text!.root.docs = { nobody: { tf: 1 } }), "data"],
    ["a negative count", (index) => (index.index.text!.root.docs = { owls: { tf: -1 } }), "data"],
    ["a node that is no object", (index) => (index.index.text!.root.g = 7), "data"],
    ["a node without df", (index) => (index.index.text!.root.df = null), "data"],
    ["a pipeline that is no list", (index) => (index.pipeline = "stemmer"), "data"],
  ]
  it.each(changes)("%s in a file", async (_, change, code) => {
    const index = JSON.parse(JSON.stringify(await ElasticlunrRetriever.build(conformanceDocuments)))
    change(index)
    expect(await codeOf(() => ElasticlunrRetriever.fromJSON(index))).toBe(code)
  })

  it("an id in a file that the library could not have indexed", async () => {
    const json = JSON.stringify(await ElasticlunrRetriever.build(conformanceDocuments)).replaceAll(
      '"owls"',
      '"__proto__"',
    )
    expect(() => ElasticlunrRetriever.fromJSON(json)).toThrow(/"__proto__", which elasticlunr cannot index/)
  })

  it.each([
    ["not JSON", "{"],
    ["null", "null"],
    ["a list", "[]"],
    ["an empty object", "{}"],
  ])("%s", async (_, text) => {
    expect(await codeOf(() => ElasticlunrRetriever.fromJSON(text))).toBe("data")
  })
})

describe("files", () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "rankine-elasticlunr-"))
  })
  afterAll(() => rm(directory, { recursive: true }))

  it("are written whole, read again, and give the same rankings", async () => {
    const file = join(directory, "index.json")
    const built = await ElasticlunrRetriever.build(conformanceDocuments)
    await built.save(file)
    await built.save(file)
    const loaded = await ElasticlunrRetriever.load(file)
    const queries = [{ id: "q", text: "fish in cold water" }]
    const hits = async (retriever: ElasticlunrRetriever) => (await retriever.retrieve(queries))[0]!.hits
    expect(await hits(loaded)).toEqual(await hits(built))
    expect(await readdir(directory)).toEqual(["index.json"])
  })

  it("that are missing or cut short are named", async () => {
    expect(await codeOf(() => ElasticlunrRetriever.load(join(directory, "none.json")))).toBe("not-found")
    const file = join(directory, "index.json")
    await (await ElasticlunrRetriever.build(conformanceDocuments)).save(file)
    const text = await readFile(file, "utf8")
    await writeFile(file, text.slice(0, text.length / 2))
    await expect(ElasticlunrRetriever.load(file)).rejects.toThrow(/index\.json is not JSON/)
    await rm(file)
  })

  it("that cannot be written leave nothing behind", async () => {
    const built = await ElasticlunrRetriever.build(conformanceDocuments)
    expect(await codeOf(() => built.save(join(directory, "no folder", "index.json")))).toBe("storage")
    expect(await codeOf(() => built.save(directory))).toBe("storage")
    expect(await readdir(directory)).toEqual([])
  })
})
