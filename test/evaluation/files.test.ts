import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { readQrels, readRun, separateScores, sortAsTrecEval, writeRun } from "../../src/evaluation/index.js"

let directory: string
let next = 0
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "rankine-files-"))
})
afterAll(() => rm(directory, { recursive: true }))

async function file(content: string | Uint8Array): Promise<string> {
  const path = join(directory, `file-${next++}`)
  await writeFile(path, content)
  return path
}

const plain = (map: ReadonlyMap<string, ReadonlyMap<string, number>>) =>
  Object.fromEntries([...map].map(([query, judgements]) => [query, Object.fromEntries(judgements)]))

describe("readQrels", () => {
  const expected = { q1: { d1: 1, d2: 0 }, q2: { d1: -1 } }

  it.each([
    ["TREC with spaces", "q1 0 d1 1\nq1 0 d2 0\nq2 0 d1 -1\n"],
    ["TREC with tabs", "q1\t0\td1\t1\nq1\t0\td2\t0\nq2\t0\td1\t-1"],
    ["BEIR with a header", "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\nq2\td1\t-1\n"],
    ["BEIR without", "q1\td1\t1\nq1\td2\t0\nq2\td1\t-1\n"],
    ["Windows line ends, byte order mark, blank lines", "\ufeffq1 0 d1 1\r\n\r\nq1 0 d2 0\r\nq2 0 d1 -1\r\n   \n"],
    ["aligned columns", "  q1   0  d1     1\nq1 0 d2\t0\nq2 0 d1 -1"],
  ])("%s", async (_, text) => {
    expect(plain((await readQrels(await file(text))).qrels)).toEqual(expected)
    expect(plain((await readQrels(await file(gzipSync(text)))).qrels)).toEqual(expected)
  })

  it("reads fractions, and ids with spaces where tabs separate", async () => {
    const { qrels } = await readQrels(await file("q 1\tdoc one\t0.5\n"))
    expect(plain(qrels)).toEqual({ "q 1": { "doc one": 0.5 } })
  })

  it("counts repeated judgements", async () => {
    const { qrels, warnings } = await readQrels(await file("q 0 d 1\nq 0 d 1\nq 0 e 1\nq 0 d 1.0\n"))
    expect(plain(qrels)).toEqual({ q: { d: 1, e: 1 } })
    expect(warnings).toEqual([{ code: "duplicate-judgement", count: 2 }])
  })

  it.each([
    ["contradiction", "q 0 d 1\nq 0 d 2\n", /:2: document d of query q has the grade 1 above and 2 here/],
    ["too few columns", "q d\n", /:1: 2 columns/],
    ["a line cut short", "q 0 d 1\n\nq 0 d\n", /:3: 3 columns where the first line has 4/],
    ["no number", "q 0 d 1\nq 0 e one\n", /:2: the grade must be a number, not "one"/],
    ["an unknown header", "topic-id\tdoc\tlabel\nq\td\tx\n", /:2: the grade must be a number/],
    ["a first line that is no header", "q1\td1\thigh\n", /:1: the grade must be a number, not "high"/],
    ["an infinite grade", "q 0 d inf\n", /:1: the grade/],
    ["an empty id", "q\t\t1\n", /:1: an id is empty/],
  ])("refuses %s", async (_, text, message) => {
    const path = await file(text)
    await expect(readQrels(path)).rejects.toMatchObject({ code: "data", message: expect.stringMatching(message) })
    await expect(readQrels(path)).rejects.toThrow(path)
  })

  it("names the line that is not UTF-8", async () => {
    const bytes = Buffer.concat([Buffer.from("q 0 d 1\nq 0 e"), Buffer.from([0xff]), Buffer.from(" 1\n")])
    await expect(readQrels(await file(bytes))).rejects.toMatchObject({ code: "data", message: /:2: not UTF-8/ })
  })

  it("refuses gzip data cut short, a missing file and a folder", async () => {
    const long = gzipSync(Array.from({ length: 5000 }, (_, i) => `q 0 d${i * 7919} 1`).join("\n"))
    await expect(readQrels(await file(long.subarray(0, 9000)))).rejects.toMatchObject({ code: "data", message: /gzip/ })
    await expect(readQrels(join(directory, "none"))).rejects.toMatchObject({ code: "not-found" })
    await expect(readQrels(directory)).rejects.toMatchObject({ code: "storage" })
  })

  it("joins lines and characters across the blocks in which a file arrives", async () => {
    const lines = Array.from({ length: 40_000 }, (_, i) => `q${i % 50} 0 日本語-${i} ${i % 3}`)
    const { qrels } = await readQrels(await file(lines.join("\n")))
    expect(qrels.size).toBe(50)
    let count = 0
    for (const judgements of qrels.values()) count += judgements.size
    expect(count).toBe(40_000)
    expect(qrels.get("q49")!.get("日本語-39999")).toBe(0)
  })

  it("stops when told to", async () => {
    await expect(readQrels(await file("q 0 d 1\n"), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "aborted",
    })
  })
})

describe("readRun", () => {
  it("sorts as trec_eval does, whatever the rank column says", async () => {
    const path = await file(
      [
        "q Q0 a 1 1.0 tag",
        "q Q0 b 2 2.5e0 tag",
        "q Q0 c 3 1.00000001 tag",
        "q Q0 é 4 1 tag",
        "q Q0 \u{1F600} 5 1 tag",
        "q Q0 \uFB00 6 1 tag",
        "q Q0 z 7 -inf tag",
        "r Q0 a 1 3 tag",
      ].join("\n"),
    )
    const { run, format, tag } = await readRun(path)
    // Equal as 32-bit floats: by UTF-8 bytes, descending (F0.. before EF.. before C3.. before ASCII).
    expect(run.get("q")!.map(({ id }) => id)).toEqual(["b", "\u{1F600}", "\uFB00", "é", "c", "a", "z"])
    expect([...run.keys()]).toEqual(["q", "r"])
    expect(format).toBe("trec")
    expect(tag).toBe("tag")
  })

  it("reads candidates in their order, with scores or without", async () => {
    const lines = [
      {
        query_id: "q",
        query: "text",
        candidates: [
          { id: "b", text: "…", score: 1 },
          { id: "a", score: 2 },
        ],
      },
      { query_id: 7, candidates: [{ id: "x" }, { id: 5 }] },
      { query_id: "ids", candidate_ids: ["m", "n"] },
      { query_id: "none", candidates: [] },
    ]
    const text = lines.map((line) => JSON.stringify(line)).join("\n")
    for (const path of [await file(text), await file(gzipSync(text))]) {
      const { run, format } = await readRun(path)
      expect(format).toBe("candidates")
      expect(Object.fromEntries(run)).toEqual({
        q: [
          { id: "b", score: 1 },
          { id: "a", score: 2 },
        ],
        7: [
          { id: "x", score: 2 },
          { id: "5", score: 1 },
        ],
        ids: [
          { id: "m", score: 2 },
          { id: "n", score: 1 },
        ],
        none: [],
      })
    }
  })

  it.each([
    ["five columns", "q Q0 d 1 2.0\n", /:1: 5 columns; a run has six/],
    ["NaN", "q Q0 a 1 2.0 t\nq Q0 d 1 NaN t\n", /:2: the score is NaN/],
    ["no number", "q Q0 d 1 high t\n", /:1: the score must be a number, not "high"/],
    ["a hexadecimal score", "q Q0 d 1 0x10 t\n", /:1: the score/],
    ["a document twice", "q Q0 d 1 2 t\nr Q0 d 1 2 t\nq Q0 d 2 1 t\n", /:3: document d is twice .* query q/],
    ["a JSON line cut short", '{"query_id":"q","candidates":[]}\n{"query_id":"r","cand', /:2: not valid JSON/],
    ["no query_id", '{"query":"q","candidates":[]}\n', /:1: .*query_id/],
    ["no candidates", '{"query_id":"q"}\n', /:1: .*candidates/],
    [
      "a candidate without id",
      '{"query_id":"q","candidates":[{"text":"x"}]}\n',
      /:1: candidate 1 of query q has no id/,
    ],
    ["a score that is a string", '{"query_id":"q","candidates":[{"id":"d","score":"1"}]}', /:1: .*not "1"/],
    ["a candidate twice", '{"query_id":"q","candidate_ids":["a","a"]}', /:1: document a is twice/],
    ["a query twice", '{"query_id":"q","candidate_ids":[]}\n{"query_id":"q","candidate_ids":[]}', /:2: query q/],
  ])("refuses %s", async (_, text, message) => {
    await expect(readRun(await file(text))).rejects.toMatchObject({
      code: "data",
      message: expect.stringMatching(message),
    })
  })

  it("an empty file is an empty run", async () => {
    expect((await readRun(await file(""))).run.size).toBe(0)
  })
})

const anyScore = fc.oneof(
  fc.double({ noNaN: true }),
  fc.float({ noNaN: true }),
  fc.integer({ min: -2, max: 2 }),
  fc.integer({ min: 0, max: 5 }).map((steps) => 16 + steps * 1e-7),
  fc.constantFrom(0, -0, 1e-46, -1e-46, 2 ** -149, 3.4028234663852886e38, Number.MAX_VALUE, -Number.MAX_VALUE),
)

describe("writeRun", () => {
  it("any order of any scores survives trec_eval's sorting", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(fc.stringMatching(/^[!-~é日]{1,4}$/), anyScore), {
          selector: ([id]) => id,
          maxLength: 30,
        }),
        async (pairs) => {
          const hits = pairs.map(([id, score]) => ({ id, score }))
          const path = join(directory, "property.trec")
          await writeRun(path, new Map([["q", hits]]))
          const { run } = await readRun(path)
          expect((run.get("q") ?? []).map(({ id }) => id)).toEqual(hits.map(({ id }) => id))
        },
      ),
      { numRuns: 300 },
    )
  })

  it("keeps true scores that keep the order apart, and changes the others by one step", () => {
    const hits = [25.5, 25.5, 25.4999999999, 25.4, 25.4, 25.399999, 1 / 3].map((score, index) => ({
      id: `d${index}`,
      score,
    }))
    const step = 2 ** -19 // between 16 and 32, where a 32-bit float has 24 bits
    const written = separateScores(hits)
    expect(written).toEqual([
      25.5,
      25.5 - step,
      25.5 - 2 * step,
      25.4,
      Math.fround(25.4) - step,
      Math.fround(25.4) - 2 * step,
      1 / 3,
    ])
  })

  it("scores that rise, as below a reranked top, fall by single steps", () => {
    expect(separateScores([0.5, 12, 11].map((score, i) => ({ id: `${i}`, score })))).toEqual([
      0.5,
      0.5 - 2 ** -25,
      0.5 - 2 ** -24,
    ])
  })

  it("writes six columns, ranks from 1, and reads back", async () => {
    const path = join(directory, "plain.trec")
    const run = new Map([
      [
        "q1",
        [
          { id: "a", score: Math.fround(12.3) },
          { id: "b", score: 12.25 },
        ],
      ],
      ["q2", [{ id: "a", score: 1e-7 }]],
    ])
    await writeRun(path, run, "bm25")
    expect(await readFile(path, "utf8")).toBe("q1 Q0 a 1 12.3 bm25\nq1 Q0 b 2 12.25 bm25\nq2 Q0 a 1 1e-7 bm25\n")
    const back = await readRun(path)
    expect(Math.fround(back.run.get("q1")![0]!.score)).toBe(Math.fround(12.3))
    expect(back.tag).toBe("bm25")
  })

  it("reads ids with spaces between spaces too, counting columns from both ends", async () => {
    const path = join(directory, "loose.trec")
    await writeFile(path, "q1 Q0 Python pandas/1 2.txt 3 0.5 run\n")
    expect((await readRun(path)).run.get("q1")).toEqual([{ id: "Python pandas/1 2.txt", score: 0.5 }])
  })

  it("separates by tabs where an id has a space", async () => {
    const path = join(directory, "spaces.trec")
    await writeRun(path, new Map([["q", [{ id: "Ada Lovelace", score: 1 }]]]))
    expect(await readFile(path, "utf8")).toBe("q\tQ0\tAda Lovelace\t1\t1\trankine\n")
    expect((await readRun(path)).run.get("q")).toEqual([{ id: "Ada Lovelace", score: 1 }])
  })

  it.each([
    ["an id with a tab", "a\tb", 1, "t", "data"],
    ["an id with a line end", "a\nb", 1, "t", "data"],
    ["an empty id", "", 1, "t", "data"],
    ["NaN", "a", Number.NaN, "t", "score-kind"],
    ["a tag of two words", "a", 1, "my run", "argument"],
  ])("refuses %s", async (_, id, score, tag, code) => {
    await expect(writeRun(join(directory, "bad"), new Map([["q", [{ id, score }]]]), tag)).rejects.toMatchObject({
      code,
    })
  })

  it("says when the file cannot be written", async () => {
    await expect(writeRun(join(directory, "no/such/folder"), new Map())).rejects.toMatchObject({ code: "storage" })
  })

  it("trec_eval's order is by 32-bit float", () => {
    const hits = [
      { id: "a", score: 1 },
      { id: "b", score: 1 + 1e-9 },
      { id: "c", score: 1 + 1e-6 },
    ]
    sortAsTrecEval(hits)
    expect(hits.map(({ id }) => id)).toEqual(["c", "b", "a"])
    hits[1] = { id: "A", score: 1 + 1e-9 }
    sortAsTrecEval(hits)
    expect(hits.map(({ id }) => id)).toEqual(["c", "a", "A"])
  })
})
