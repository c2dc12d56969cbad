import { mkdirSync, renameSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { datasetStore, openDataset } from "../../datasets/index.js"
import { beirFiles, collect, failure, folderWith, jsonl, zip } from "./helpers.js"

/** The files in a folder of this name: names decide what the registry says. */
function named(name: string, files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = folderWith(files)
  const parent = folderWith()
  renameSync(folder, join(parent, name))
  mkdirSync(folder)
  return join(parent, name)
}

describe("a BEIR folder", () => {
  it("gives the judged queries, the judgements, and what was tolerated", async () => {
    const dataset = await openDataset(named("steam", beirFiles))
    expect(dataset).toMatchObject({ name: "steam", split: "test", allQueries: 3, size: undefined })
    expect(dataset.queries).toEqual([
      { id: "q1", text: "heat engines", excludedIds: ["q1"] },
      { id: "q2", text: "who wrote on heat", excludedIds: ["q2"] },
    ])
    expect(dataset.queryFields.get("q2")).toEqual({ answers: ["Rankine"] })
    expect([...dataset.qrels.get("q2")!]).toEqual([
      ["d2", 2],
      ["gone", 1],
    ])
    expect(dataset.warnings).toEqual([
      { code: "duplicate-judgement", count: 1 },
      { code: "unknown-query", count: 1, ids: ["q9"] },
    ])
    const documents = await collect(dataset.documents())
    expect(documents.slice(0, 2)).toEqual([
      { id: "d1", title: "Steam", text: "Steam engines turn heat into work." },
      { id: "d2", text: "Rankine wrote on heat.", metadata: { url: "http://example.org" } },
    ])
    expect(dataset.size).toBe(4)
    expect(dataset.warnings.slice(2)).toEqual([
      { code: "empty-document", count: 1, ids: ["d4"] },
      { code: "unknown-document", count: 1, ids: ["gone"] },
    ])
    expect(await collect(dataset.documents())).toEqual(documents)
    expect(dataset.warnings).toHaveLength(4)
    expect(dataset.description).toMatchObject({ name: "steam", exclusions: "identical-ids", relevanceThreshold: 1 })
  })

  it.each(["arguana", "quora", "ArguAna"])("excludes a query's own id in %s, unless told not to", async (name) => {
    const dataset = await openDataset(named(name, beirFiles))
    expect(dataset.queries[0]).toEqual({ id: "q1", text: "heat engines", excludedIds: ["q1"] })
    expect(dataset.description).toMatchObject({ exclusions: "identical-ids", suite: "BEIR" })
    const other = await openDataset(named(name, beirFiles), { excludeIdentical: false })
    expect(other.queries[0]!.excludedIds).toBeUndefined()
  })

  it("takes exclusions from excluded_ids.jsonl, and counts relevant documents among them", async () => {
    const folder = folderWith({
      ...beirFiles,
      "excluded_ids.jsonl": jsonl(
        { query_id: "q1", excluded_ids: ["d1", "d2"] },
        { query_id: "q2", excluded_ids: ["N/A"] },
      ),
    })
    const dataset = await openDataset(folder)
    expect(dataset.queries.map((query) => query.excludedIds)).toEqual([["d1", "d2"], undefined])
    expect(dataset.warnings).toContainEqual({ code: "excluded-document", count: 1, ids: ["d1"] })
  })

  it("chooses the split: as asked, test, the only one, or an error with those that are there", async () => {
    const { "qrels/test.tsv": qrels, ...rest } = beirFiles
    expect((await openDataset(folderWith({ ...rest, "qrels/dev.tsv": qrels }))).split).toBe("dev")
    const two = folderWith({ ...rest, "qrels/dev.tsv": qrels, "qrels/train.tsv": qrels })
    expect((await openDataset(two, { split: "train" })).split).toBe("train")
    const none = await failure(() => openDataset(two))
    expect(none.code).toBe("not-found")
    expect(none.message).toContain("dev, train")
    expect((await failure(() => openDataset(two, { split: "test" }))).message).toContain('no split "test"')
    const msmarco = named("msmarco", { ...beirFiles, "qrels/dev.tsv": qrels })
    expect((await openDataset(msmarco)).split).toBe("dev")
  })

  it("reads a zip archive as it reads the folder", async () => {
    const files = Object.fromEntries(Object.entries(beirFiles).map(([path, text]) => [`steam/${path}`, text]))
    const archive = join(folderWith({ "steam.zip": zip(files) }), "steam.zip")
    const [zipped, plain] = [await openDataset(archive), await openDataset(named("steam", beirFiles))]
    expect(zipped.name).toBe("steam")
    expect(zipped.queries).toEqual(plain.queries)
    expect(zipped.qrels).toEqual(plain.qrels)
    expect(await collect(zipped.documents())).toEqual(await collect(plain.documents()))
    expect(zipped.warnings).toEqual(plain.warnings)
  })

  it("names the place in the archive when something in it is wrong", async () => {
    const files = { ...beirFiles, "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\td1\tmuch\n" }
    const archive = join(folderWith({ "steam.zip": zip(files) }), "steam.zip")
    const error = await failure(() => openDataset(archive))
    expect(error.message.startsWith(`${archive}/qrels/test.tsv:2: `)).toBe(true)
    expect(error.details.file).toBe(`${archive}/qrels/test.tsv`)
  })

  it("refuses archives that are broken or lead out of their folder", async () => {
    const folder = folderWith({
      "broken.zip": "PK nothing",
      "cut.zip": zip(beirFiles).subarray(0, 300),
      "slip.zip": zip({ "../evil.jsonl": "{}" }),
      "absolute.zip": zip({ "/etc/evil": "{}" }),
    })
    for (const name of ["broken", "cut", "slip", "absolute"])
      expect(await failure(() => openDataset(join(folder, `${name}.zip`)))).toMatchObject({ code: "data" })
  })

  it("unpacks .gz files on the way, and says when one is cut", async () => {
    const packed = Object.fromEntries(Object.entries(beirFiles).map(([path, text]) => [`${path}.gz`, gzipSync(text)]))
    const dataset = await openDataset(folderWith(packed))
    expect((await collect(dataset.documents())).map(({ id }) => id)).toEqual(["d1", "d2", "q1", "d4"])
    const corpus = packed["corpus.jsonl.gz"]!
    const cut = await openDataset(folderWith({ ...packed, "corpus.jsonl.gz": corpus.subarray(0, corpus.length - 20) }))
    const error = await failure(() => collect(cut.documents()))
    expect(error.code).toBe("data")
    expect(error.message).toContain("corpus.jsonl.gz")
  })

  it("opens documents alone, with no queries", async () => {
    const dataset = await openDataset(folderWith({ "corpus.jsonl": beirFiles["corpus.jsonl"] }))
    expect(dataset.queries).toEqual([])
    expect(dataset.qrels.size).toBe(0)
    expect(await (await datasetStore(dataset)).get(["d2", "nope"])).toMatchObject([{ id: "d2" }, undefined])
  })

  it("stops when the signal fires", async () => {
    const dataset = await openDataset(folderWith(beirFiles))
    const signal = AbortSignal.abort()
    expect(await failure(() => collect(dataset.documents({ signal })))).toMatchObject({ code: "aborted" })
  })
})

describe("R2MED and TREC forms", () => {
  it("reads query.jsonl with qrels.txt or qrels.jsonl", async () => {
    const files = {
      "corpus.jsonl": jsonl({ id: "p1", text: "one" }, { id: "p2", text: "two" }),
      "query.jsonl": jsonl({ id: "q1", text: "first" }),
    }
    const text = await openDataset(named("PMC-Clinical", { ...files, "qrels.txt": "q1\t0\tp2\t1\n" }))
    const json = await openDataset(
      named("PMC-Clinical", { ...files, "qrels.jsonl": jsonl({ q_id: "q1", p_id: "p2", score: 1 }) }),
    )
    for (const dataset of [text, json]) {
      expect(dataset).toMatchObject({ name: "r2med-pmc-clinical", split: "test", measures: ["nDCG@10"] })
      expect([...dataset.qrels.get("q1")!]).toEqual([["p2", 1]])
      expect(await collect(dataset.documents())).toEqual([
        { id: "p1", text: "one" },
        { id: "p2", text: "two" },
      ])
    }
  })

  it("reads topics, qrels and a tab-separated collection", async () => {
    const folder = named("dl20", {
      "collection.tsv": "7\ta passage\n8\ta title\tanother passage\n",
      "topics.dl20.tsv": "1\twhat is a passage\n2\tunjudged\n",
      "qrels.dl20.txt": "1 0 7 3\n1 0 8 1\n",
    })
    const dataset = await openDataset(folder)
    expect(dataset).toMatchObject({ name: "trec-dl-2020", split: "dl20", relevance: { threshold: 2 } })
    expect(dataset.measures).toContain("AP(rel=2)")
    expect(dataset.queries).toEqual([{ id: "1", text: "what is a passage" }])
    expect(await collect(dataset.documents())).toEqual([
      { id: "7", text: "a passage" },
      { id: "8", title: "a title", text: "another passage" },
    ])
  })
})

describe("malformed files", () => {
  const good = jsonl({ _id: "a", text: "x" })
  it.each([
    ["cut short", `${good}{"_id": "b", "te`, /corpus\.jsonl:2: .*cut short/],
    ["not JSON", `${good}nonsense\n${good}`, /corpus\.jsonl:2: not JSON/],
    ["not an object", `${good}["b"]\n`, /corpus\.jsonl:2: not a JSON object/],
    ["without id", `${good}\n${jsonl({ text: "y" })}`, /corpus\.jsonl:3: a document without id/],
    ["without text", good + jsonl({ _id: "b", title: "y" }), /corpus\.jsonl:2: document b has no text/],
    ["with a duplicate id", good + jsonl({ _id: "b", text: "" }) + good, /corpus\.jsonl:3: .*corpus\.jsonl:1/],
    ["empty", "", /holds no documents/],
    ["blank", "\n  \n\n", /holds no documents/],
    ["not UTF-8", Buffer.concat([Buffer.from(good), Buffer.from([0x7b, 0xff, 0x0a])]), /corpus\.jsonl:2: .*UTF-8/],
  ])("a corpus that is %s", async (_, corpus, message) => {
    const dataset = await openDataset(folderWith({ ...beirFiles, "corpus.jsonl": corpus }))
    const error = await failure(() => collect(dataset.documents()))
    expect(error.code).toBe("data")
    expect(error.message).toMatch(message)
  })

  it("a megabyte into the file, still names the right line", async () => {
    const lines = Array.from({ length: 3000 }, (_, index) =>
      JSON.stringify({ _id: `d${index}`, text: "é".repeat(400) }),
    )
    lines[2500] = "{"
    const dataset = await openDataset(folderWith({ ...beirFiles, "corpus.jsonl": lines.join("\r\n") }))
    expect((await failure(() => collect(dataset.documents()))).message).toContain("corpus.jsonl:2501: not JSON")
    lines[2500] = JSON.stringify({ _id: 2500, text: "ok" })
    const whole = await openDataset(folderWith({ ...beirFiles, "corpus.jsonl": `\ufeff${lines.join("\r\n")}` }))
    const documents = await collect(whole.documents())
    expect(documents).toHaveLength(3000)
    expect(documents[2500]).toEqual({ id: "2500", text: "ok" })
    expect(new Set(documents.map(({ text }) => text.length))).toEqual(new Set([400, 2]))
  })

  it.each([
    ["queries.jsonl", jsonl({ _id: "q1", text: "a" }, { _id: "q1", text: "b" }), /queries\.jsonl:2: query id q1/],
    ["queries.jsonl", jsonl({ _id: "q1" }), /queries\.jsonl:1: query q1 has no text/],
    ["queries.jsonl", jsonl({ _id: "other", text: "a" }), /none of the 1 queries has a judgement/],
    ["qrels/test.tsv", "q1\td1\n", /qrels\/test\.tsv:1/],
  ])("%s that is wrong", async (path, content, message) => {
    const error = await failure(() => openDataset(folderWith({ ...beirFiles, [path]: content })))
    expect(error.code).toBe("data")
    expect(error.message).toMatch(message)
  })
})

describe("what is not a data set", () => {
  it("says what was expected", async () => {
    expect((await failure(() => openDataset(folderWith({ "a.txt": "" })))).message).toContain("corpus.jsonl")
    const several = folderWith({ "one/corpus.jsonl": "{}", "two/corpus.jsonl": "{}" })
    const error = await failure(() => openDataset(several))
    expect(error.message).toMatch(/several data sets.*one.*two/)
    expect(await failure(() => openDataset("./nowhere/at/all"))).toMatchObject({ code: "not-found" })
    expect((await failure(() => openDataset("scifcat"))).message).toContain("did you mean scifact")
    expect((await failure(() => openDataset(join(several, "one/corpus.jsonl")))).message).toContain("openFolder")
  })

  it("looks into dataDir before anything is fetched", async () => {
    const parent = join(named("steam", beirFiles), "..")
    const dataset = await openDataset("steam", { dataDir: parent, baseUrl: "http://127.0.0.1:1" })
    expect(dataset.queries).toHaveLength(2)
  })
})
