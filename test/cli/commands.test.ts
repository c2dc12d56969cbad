import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { emptyRanking, RankineError } from "../../src/core/index.js"
import type { BenchmarkResult } from "../../src/evaluation/index.js"
import { rankine } from "./run.js"

const commands = ["index", "search", "bench", "evaluate", "compare", "tune", "datasets", "describe", "doctor"]

let scratch: string
const at = (...parts: string[]) => join(scratch, ...parts)

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "rankine-cli-"))
  await mkdir(at("docs/guide"), { recursive: true })
  await writeFile(
    at("docs/engines.md"),
    "# Steam engines\n\nA boiler makes steam.\n\n## Condensers\n\nA condenser cools it.\n",
  )
  await writeFile(
    at("docs/guide/pumps.md"),
    "---\nyear: 2021\n---\n# Heat pumps\n\nA pump moves heat against its slope.\n",
  )
  await writeFile(at("docs/turbines.txt"), "Turbines turn steam into motion.")
  await tinyCollection(at("tiny"))
  await writeFile(
    at("lines.jsonl"),
    '{"_id": "a", "title": "One", "text": "first words", "year": 2020}\n{"_id": "b", "text": "second words", "year": 2022}\n',
  )
})
/** Twelve documents and queries in BEIR's form: each query is answered by the document of its number. */
async function tinyCollection(directory: string): Promise<void> {
  await mkdir(join(directory, "qrels"), { recursive: true })
  const words = [
    "steam",
    "heat",
    "pump",
    "turbine",
    "boiler",
    "valve",
    "piston",
    "crank",
    "gear",
    "shaft",
    "wheel",
    "brake",
  ]
  const rows = (line: (word: string, number: number) => string) => words.map(line).join("\n")
  const others = (number: number) => [1, 2, 3].map((step) => words[(number + step) % words.length]).join(" ")
  await writeFile(
    join(directory, "corpus.jsonl"),
    rows((word, n) => JSON.stringify({ _id: `d${n}`, title: word, text: `${word} beside ${others(n)}` })),
  )
  await writeFile(
    join(directory, "queries.jsonl"),
    rows((word, n) => JSON.stringify({ _id: `q${n}`, text: word })),
  )
  const qrels = `query-id\tcorpus-id\tscore\n${rows((_, n) => `q${n}\td${n}\t1`)}\n`
  for (const split of ["train", "test"]) await writeFile(join(directory, `qrels/${split}.tsv`), qrels)
}

afterAll(() => rm(scratch, { recursive: true, force: true }))

describe("rankine", () => {
  it("shows its commands without arguments, and its version", async () => {
    const help = await rankine([])
    expect(help.code).toBe(0)
    for (const command of commands) expect(help.out).toContain(`  ${command} `)
    const version = await rankine(["--version"])
    const { version: expected } = JSON.parse(await readFile("package.json", "utf8")) as { version: string }
    expect(version).toEqual({ code: 0, out: `${expected}\n`, err: "" })
  })

  it.each([...commands, "datasets fetch"])("%s --help has an example and --json", async (command) => {
    const { code, out, err } = await rankine([...command.split(" "), "--help"])
    expect(code).toBe(0)
    expect(err).toBe("")
    expect(out).toMatch(new RegExp(`Examples?:\\n  rankine ${command}`))
    expect(out).toContain("--json")
  })

  it.each([
    [["serch", "x", "y"], /unknown command 'serch'[\s\S]*Did you mean search\?/],
    [["search", "--topk", "3", "x", "y"], /unknown option '--topk'[\s\S]*Did you mean --top-k\?/],
    [["search", "only-the-index"], /missing required argument 'query'/],
    [["search", "x", "y", "-k", "0"], /whole number of at least 1/],
    [["search", "x", "y", "--filter", "{"], /no JSON/],
    [["index", "docs"], /--output <dir>/],
    [["index", "docs", "-o", "i", "--b", "2"], /from 0 to 1/],
    [["index", "docs", "-o", "i", "--variant", "tfidf"], /bm25l/],
    [["bench", "--pipeline", "bm25"], /--data/],
    [["evaluate", "--run", "r"], /--qrels/],
  ])("%j ends with 2 and says why", async (args, message) => {
    const { code, out, err } = await rankine(args)
    expect(err).toMatch(message)
    expect(code).toBe(2)
    expect(out).toBe("")
  })

  it("stops with 130 when it is interrupted", async () => {
    const { code, err } = await rankine(
      ["index", at("docs"), "-o", at("stopped.index")],
      AbortSignal.abort(new Error("Ctrl+C")),
    )
    expect(code).toBe(130)
    expect(err).toContain("stopped")
    expect(await readdir(scratch)).not.toContain("stopped.index")
  })

  it("gives errors as JSON where JSON is asked for", async () => {
    const { code, out, err } = await rankine(["search", at("nothing.index"), "x", "--json"])
    expect(code).toBe(4)
    expect(out).toBe("")
    expect(JSON.parse(err)).toMatchObject({ error: { code: "not-found" } })
  })
})

describe("index and search", () => {
  it("finds, highlights and explains", async () => {
    const index = await rankine(["index", at("docs"), "-o", at("docs.index")])
    expect(index.err).toBe("")
    expect(index.code).toBe(0)
    expect(index.out).toContain("3 documents")
    const found = await rankine(["search", at("docs.index"), "steam", "engine", "--explain"])
    expect(found.code).toBe(0)
    expect(found.out.split("\n")[0]).toMatch(/^1\. Steam engines {2}engines\.md {2}\d/)
    expect(found.out).toContain("«steam»")
    expect(found.out).toMatch(/idf, 2 of 3 documents/)
    const json = await rankine(["search", at("docs.index"), "steam engine", "-k", "1", "--json"])
    const parsed = JSON.parse(json.out)
    expect(parsed).toMatchObject({ query: "steam engine", status: "ranked", documents: 3 })
    expect(parsed.hits).toHaveLength(1)
    const [{ snippet, matches }] = parsed.hits
    expect(matches.map(([start, end]: [number, number]) => snippet.slice(start, end))).toEqual([
      "Steam",
      "engines",
      "steam",
    ])
  })

  it("cuts chunks along headings, filters by metadata, stores the options", async () => {
    const index = await rankine([
      "index",
      at("docs"),
      "-o",
      at("chunks.index"),
      "--chunk",
      "--k1",
      "1.2",
      "--analyzer",
      "simple",
      "--json",
    ])
    const made = JSON.parse(index.out)
    expect(made.index).toMatchObject({ name: "bm25", k1: 1.2, b: 0.4, analyzer: { name: "simple" } })
    expect(made.stats.documents).toBe(4)
    const search = (...more: string[]) =>
      rankine(["search", at("chunks.index"), "condenser", "heat", "--json", ...more])
    const ids = (out: string) => JSON.parse(out).hits.map(({ id }: { id: string }) => id)
    expect(ids((await search()).out).sort()).toEqual(["engines.md#1", "guide/pumps.md#0"])
    expect(ids((await search("--filter", '{"year":{"$gte":2020}}')).out)).toEqual(["guide/pumps.md#0"])
  })

  it("replaces an index, and stays away from directories that hold something else", async () => {
    const lines = ["index", at("lines.jsonl"), "-o", at("lines.index")]
    expect((await rankine(lines)).code).toBe(0)
    expect((await rankine([...lines, "--k1", "2"])).code).toBe(0)
    const { out } = await rankine(["search", at("lines.index"), "words", "--json"])
    expect(JSON.parse(out).hits).toHaveLength(2)
    const { code, err } = await rankine(["index", at("lines.jsonl"), "-o", at("docs")])
    expect(code).toBe(2)
    expect(err).toContain("other files")
  })

  it.each([
    ["missing.jsonl", undefined, 4, /missing\.jsonl/],
    ["cut.jsonl", '{"_id": "a", "text": "x"}\n{"_id": "b", "te', 5, /cut\.jsonl:2/],
    ["twice.jsonl", '{"_id": "a", "text": "x"}\n{"_id": "a", "text": "y"}\n', 5, /"?a"?/],
    ["bare.jsonl", '{"text": "x"}\n{"_id": "b"}\n', 5, /bare\.jsonl:2/],
  ])("says what is wrong with %s", async (name, content, exit, message) => {
    if (content !== undefined) await writeFile(at(name), content)
    const { code, err } = await rankine(["index", at(name), "-o", at("bad.index")])
    expect(err).toMatch(message)
    expect(code).toBe(exit)
  })

  it("refuses an index with a flipped byte", async () => {
    await rankine(["index", at("lines.jsonl"), "-o", at("flipped.index")])
    const [segment] = (await readdir(at("flipped.index"))).filter((name) => name.startsWith("segment-"))
    const bytes = await readFile(at("flipped.index", segment!))
    bytes[bytes.length >> 1]! ^= 1
    await writeFile(at("flipped.index", segment!), bytes)
    const { code, err } = await rankine(["search", at("flipped.index"), "words"])
    expect(code).toBe(5)
    expect(err).toMatch(/checksum|damaged|corrupt/)
  })
})

describe("bench, evaluate, compare", () => {
  it("measures, writes what it prints, and evaluate agrees to the last digit", async () => {
    const { code, out, err } = await rankine(["bench", "--data", "mbpp", "-k", "100", "-o", at("bm25"), "--json"])
    expect(err).toBe("")
    expect(code).toBe(0)
    const printed = JSON.parse(out) as BenchmarkResult
    expect(JSON.parse(await readFile(at("bm25/result.json"), "utf8"))).toEqual(printed)
    expect(printed.dataset).toMatchObject({ documents: 974, judgedQueries: 974 })
    expect(printed.pipeline).toMatchObject({
      name: "bm25",
      k1: 0.9,
      b: 0.4,
      variant: "lucene",
      analyzer: { name: "english" },
    })
    expect(JSON.stringify(printed.machine)).not.toMatch(/\//)

    const { openBundled } = await import("../../datasets/index.js")
    const { qrels } = await openBundled("mbpp")
    const lines = [...qrels].flatMap(([query, grades]) => [...grades].map(([id, grade]) => `${query} 0 ${id} ${grade}`))
    await writeFile(at("qrels.txt"), lines.join("\n"))
    const again = await rankine([
      "evaluate",
      "--run",
      at("bm25/run.trec"),
      "--qrels",
      at("qrels.txt"),
      "--measures",
      Object.keys(printed.measures).join(","),
      "--json",
    ])
    expect(JSON.parse(again.out).measures).toEqual(printed.measures)
  })

  it("compares results, as text, Markdown, JSON and HTML", async () => {
    const other = await rankine([
      "bench",
      "--data",
      "mbpp",
      "--pipeline",
      "elasticlunr",
      "-k",
      "100",
      "-o",
      at("elasticlunr"),
    ])
    expect(other.code).toBe(0)
    expect(other.out).toContain("nDCG@10")
    // Some statements hold no word that elasticlunr's index knows: tolerated, and counted.
    expect(other.err).toMatch(/^(warning [a-z-]+ \(\d+ times?\).*\n)*$/)
    const files = [at("bm25/result.json"), at("elasticlunr/result.json")]
    const text = await rankine(["compare", ...files, "--measures", "nDCG@10", "--html", at("report.html")])
    expect(text.code).toBe(0)
    expect(text.out).toMatch(/bm25 \(baseline\)/)
    expect(text.out).toMatch(/elasticlunr\s+nDCG@10\s+−0\.\d{4}/)
    expect(await readFile(at("report.html"), "utf8")).toMatch(/^<!doctype html>[\s\S]*<svg/)
    const markdown = await rankine(["compare", ...files, "--markdown", "--baseline", "2"])
    expect(markdown.out).toContain("Differences from elasticlunr")
    const json = await rankine(["compare", ...files, "--json", "--baseline", "elasticlunr"])
    expect(JSON.parse(json.out).comparison.baseline).toBe("elasticlunr")
    expect((await rankine(["compare", ...files, "--baseline", "3"])).code).toBe(2)
    expect((await rankine(["compare", files[0]!])).code).toBe(2)
    expect((await rankine(["compare", at("qrels.txt"), files[0]!])).code).toBe(5)
  })

  it("suggests measures, pipelines and data sets", async () => {
    const measure = await rankine(["bench", "--data", "mbpp", "--measures", "nDCQ@10", "-o", at("never")])
    expect(measure.code).toBe(2)
    expect(measure.err).toContain('did you mean "nDCG"?')
    const data = await rankine(["bench", "--data", "sicfact", "-o", at("never")])
    expect(data.code).toBe(4)
    expect(data.err).toContain("scifact")
    const pipeline = await rankine(["bench", "--data", "mbpp", "--pipeline", "bm52", "-o", at("never")])
    expect(pipeline.code).toBe(4)
    expect(pipeline.err).toMatch(/did you mean "?bm25"?\?/i)
    const split = await rankine(["bench", "--data", at("tiny"), "--split", "nowhere", "-o", at("never")])
    expect(split.code).toBe(4)
    expect(split.err).toContain("test, train")
    expect(await readdir(scratch)).not.toContain("never")
  })

  it("names file and line of a broken run", async () => {
    await writeFile(at("broken.trec"), "q1 Q0 d1 1 2.5 tag\nq1 Q0 d2 2 nan tag\n")
    const { code, err } = await rankine(["evaluate", "--run", at("broken.trec"), "--qrels", at("qrels.txt")])
    expect(code).toBe(5)
    expect(err).toContain("broken.trec:2")
  })
})

describe("pipelines on the command line", () => {
  const hybrid = `pipeline:
  name: hybrid
  retriever:
    fuse:
      retrievers: [bm25, { bm25: { analyzer: simple } }]
  stages:
    - cut: 5
`

  it("describes every parameter, and refuses what is not there", async () => {
    const bm25 = await rankine(["describe", "bm25", "--json"])
    expect(JSON.parse(bm25.out).retriever).toEqual({
      name: "bm25",
      variant: "lucene",
      norm: "lucene",
      k1: 0.9,
      b: 0.4,
      analyzer: { name: "english" },
      querySide: false,
    })
    await writeFile(at("hybrid.yaml"), hybrid)
    const text = await rankine(["describe", at("hybrid.yaml")])
    expect(text.out).toMatch(/fuse \(method rrf.*k 60/)
    expect(text.out).toMatch(/cut \(count 5\)/)
    await writeFile(at("wrong.yaml"), hybrid.replace("analyzer", "analyser"))
    const wrong = await rankine(["describe", at("wrong.yaml")])
    expect(wrong.code).toBe(2)
    expect(wrong.err).toMatch(/analyser.*did you mean "analyzer"/)
    expect(JSON.parse((await rankine(["describe", "--json"])).out)).toContain("bm25")
    expect(JSON.parse((await rankine(["describe", "--schema"])).out)).toMatchObject({ type: "object" })
  })

  it("runs a pipeline file", async () => {
    await writeFile(at("hybrid.yaml"), hybrid)
    const { code, out } = await rankine([
      "bench",
      "--data",
      at("tiny"),
      "--pipeline",
      at("hybrid.yaml"),
      "-o",
      at("hybrid"),
      "--json",
    ])
    expect(code).toBe(0)
    const result = JSON.parse(out) as BenchmarkResult
    expect(result.pipeline).toMatchObject({
      name: "hybrid",
      retriever: { name: "fuse", method: "rrf" },
      stages: [{ name: "cut", count: 5 }],
    })
    expect(result.measures["nDCG@10"]).toBe(1)
    const lines = (await readFile(at("hybrid/run.trec"), "utf8")).trim().split("\n")
    // A word stands in the four documents that follow each other.
    expect(lines).toHaveLength(12 * 4)
  })

  it("ends with 7 where queries failed, and says which", async () => {
    const { registerRetriever } = await import("../../src/pipelines/index.js")
    const { z } = await import("zod")
    registerRetriever("moody", {
      summary: "Fails on one word.",
      schema: z.strictObject({}),
      build: () => ({
        name: "moody",
        async retrieve(queries) {
          if (queries.some(({ text }) => text === "valve")) throw new RankineError("model", "valves make me moody")
          return queries.map((query) => ({
            ...emptyRanking(query, "ordinal"),
            hits: [{ id: query.id.replace("q", "d"), score: 1 }],
          }))
        },
      }),
    })
    await writeFile(at("moody.yaml"), "retriever: moody")
    const { code, out, err } = await rankine([
      "bench",
      "--data",
      at("tiny"),
      "--pipeline",
      at("moody.yaml"),
      "-o",
      at("moody"),
    ])
    expect(code).toBe(7)
    expect(out).toMatch(/11 ranked, 1 failed/)
    expect(err).toContain("query q5 failed: valves make me moody")
    const { measures } = JSON.parse(await readFile(at("moody/result.json"), "utf8")) as BenchmarkResult
    expect(measures["RR@10"]).toBeCloseTo(11 / 12, 12)
  })

  it("tunes bm25 and a fusion, and writes a pipeline that bench runs", async () => {
    const bm25 = await rankine([
      "tune",
      "--data",
      at("tiny"),
      "--k1",
      "0.5,1.5",
      "--b",
      "0,1",
      "--folds",
      "3",
      "--json",
    ])
    expect(bm25.err).toBe("")
    const tuned = JSON.parse(bm25.out)
    expect(tuned.trials).toHaveLength(5)
    expect(tuned.before.setting).toEqual({ k1: 0.9, b: 0.4 })
    // Every setting is perfect here, so that the one the pipeline had stays.
    expect(tuned).toMatchObject({ queries: 12, crossValidated: 1, chosen: { setting: { k1: 0.9, b: 0.4 }, mean: 1 } })
    expect(tuned.folds).toHaveLength(3)

    await writeFile(at("hybrid.yaml"), hybrid)
    const fusion = await rankine([
      "tune",
      "--data",
      at("tiny"),
      "--pipeline",
      at("hybrid.yaml"),
      "--depths",
      "3",
      "-o",
      at("tuned.yaml"),
    ])
    expect(fusion.code).toBe(0)
    expect(fusion.out).toContain("← chosen")
    const again = await rankine(["describe", at("tuned.yaml"), "--json"])
    expect(JSON.parse(again.out).retriever).toMatchObject({ name: "fuse", weights: [1, 1], depth: 1000 })

    const slow = await rankine(["tune", "--data", at("tiny"), "--max-latency-ms", "0.000001"])
    expect(slow.code).toBe(2)
    expect(slow.err).toContain("raise the limit")
    expect((await rankine(["tune", "--data", at("tiny"), "--pipeline", "elasticlunr"])).code).toBe(2)
  })
})

describe("datasets and doctor", () => {
  it("lists the collections", async () => {
    const { out, code } = await rankine(["datasets"])
    expect(code).toBe(0)
    expect(out).toMatch(/↓\s+scifact\s+BEIR\s+5,183\s+300/)
    const json = JSON.parse((await rankine(["datasets", "--json"])).out)
    expect(json.find(({ name }: { name: string }) => name === "scifact")).toMatchObject({ documents: 5183 })
  })

  it("says what cannot be fetched", async () => {
    const unknown = await rankine(["datasets", "fetch", "sicfact"])
    expect(unknown.code).toBe(4)
    expect(unknown.err).toContain("scifact")
    const local = await rankine(["datasets", "fetch", "trec-dl-2019"])
    expect(local.code).toBe(4)
    expect(local.err).toContain("--data")
  })

  it("examines the machine", async () => {
    const { out, code } = await rankine(["doctor", "--json"])
    const { ok, checks } = JSON.parse(out)
    expect(code).toBe(ok ? 0 : 3)
    const names = checks.map(({ name }: { name: string }) => name)
    for (const name of ["Node.js", "WebAssembly SIMD", "onnxruntime-node", "hnswlib-node"])
      expect(names).toContain(name)
    for (const { status, remedy } of checks) if (status !== "ok") expect(remedy).toBeTruthy()
    expect((await rankine(["doctor"])).out).toContain("Node.js: ")
  })
})
