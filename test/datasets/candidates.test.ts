import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { openDataset } from "../../datasets/index.js"
import { beirFiles, collect, failure, folderWith, jsonl } from "./helpers.js"

const line = (query_id: string, ids: readonly string[], score?: number) => ({
  query_id,
  query: `text of ${query_id}`,
  candidates: ids.map((id, rank) => ({ id, text: `passage ${id}`, ...(score ? { score: score - rank } : {}) })),
})

describe("candidate files", () => {
  it("come with a collection: BM25's first, another by its name", async () => {
    const folder = folderWith({
      ...beirFiles,
      "candidates/bm25.top100.jsonl": jsonl(line("q2", ["d2", "d1"], 9.5)),
      "candidates/ada.top100.jsonl": jsonl(line("q1", ["d1"], 0.5), line("q2", ["d1"], 0.5), line("q3", ["d1"], 0.5)),
    })
    const dataset = await openDataset(folder)
    expect(dataset.candidates).toMatchObject([
      {
        query: { id: "q2", text: "who wrote on heat" },
        scoreKind: "bm25",
        status: "ranked",
        hits: [
          { id: "d2", score: 9.5, document: { id: "d2", text: "passage d2" } },
          { id: "d1", score: 8.5 },
        ],
      },
    ])
    expect(dataset.warnings).toContainEqual({ code: "unanswered-query", count: 1, ids: ["q1"] })
    expect(dataset.description.candidates).toEqual({ variant: "bm25", queries: 1, depth: 2 })
    const other = await openDataset(folder, { variant: "ada" })
    expect(other.candidates!.map(({ query, scoreKind }) => [query.id, scoreKind])).toEqual([
      ["q1", "dot"],
      ["q2", "dot"],
    ])
    expect((await failure(() => openDataset(folder, { variant: "x" }))).message).toContain("there are: ada, bm25")
  })

  it("are data sets of their own, judged by the qrels beside them", async () => {
    const folder = folderWith({
      "qrels/test.tsv": beirFiles["qrels/test.tsv"],
      "candidates/bm25.top100.jsonl": jsonl(line("q1", ["d1", "d2"], 5), line("q2", ["d2"], 5), line("q7", ["d1"], 5)),
    })
    const dataset = await openDataset(join(folder, "candidates/bm25.top100.jsonl"))
    expect(dataset).toMatchObject({ split: "test", allQueries: 3, size: undefined })
    expect(dataset.queries.map(({ id }) => id)).toEqual(["q1", "q2"])
    expect(dataset.candidates).toHaveLength(2)
    expect(await collect(dataset.documents())).toEqual([
      { id: "d1", text: "passage d1" },
      { id: "d2", text: "passage d2" },
    ])
    expect(dataset.size).toBe(2)
    expect(dataset.warnings).toContainEqual({ code: "unknown-document", count: 1, ids: ["gone"] })
  })

  it("may be pools of ids, of one split", async () => {
    const pool = (query_id: string) => jsonl({ query_id, candidate_ids: ["d2", "d1", "d4"] })
    const dataset = await openDataset(
      folderWith({
        ...beirFiles,
        "candidates.test.ids.jsonl": pool("q1") + pool("q2"),
        "candidates.train.ids.jsonl": pool("q8"),
      }),
    )
    expect(dataset.candidates).toHaveLength(2)
    expect(dataset.candidates![0]).toMatchObject({
      scoreKind: "ordinal",
      hits: [
        { id: "d2", score: 3 },
        { id: "d1", score: 2 },
        { id: "d4", score: 1 },
      ],
    })
  })

  it.each([
    ["no list", { query_id: "q1" }, /:1: no list/],
    ["no query", { candidates: [] }, /:1: candidates without "query_id"/],
    ["one twice", line("q1", ["d1", "d1"]), /:1: candidate d1 is there twice/],
    ["a score that is none", { query_id: "q1", candidates: [{ id: "a", score: "9" }] }, /:1: the score of candidate a/],
  ])("with %s are refused", async (_, record, message) => {
    const folder = folderWith({ ...beirFiles, "candidates/x.jsonl": jsonl(record) })
    const error = await failure(() => openDataset(folder))
    expect(error.code).toBe("data")
    expect(error.message).toMatch(message)
  })
})
