import { describe, expect, it } from "vitest"
import { openDataset } from "../../datasets/index.js"
import { collect, failure, folderWith, jsonl } from "./helpers.js"

const example = {
  query: "Why does it boil?",
  reasoning: "phase change",
  id: "0",
  excluded_ids: ["d2", "d2", "x"],
  gold_ids: ["d1", "d1", "d3"],
  gold_ids_long: ["long1"],
  gold_answer: "heat",
}
const files = {
  "examples.jsonl": jsonl(example, { ...example, id: "1", excluded_ids: ["N/A"], gold_ids_long: ["N/A"] }),
  "reasonir.top100.trec": "0 Q0 d2 1 0.9 r\n0 Q0 d1 2 0.5 r\n0 Q0 d 9 3 0.7 r\n1 Q0 d2 1 0.9 r\n",
}

describe("BRIGHT", () => {
  it("reads gold ids and exclusions, and removes these from the rankings that come along", async () => {
    const dataset = await openDataset(folderWith(files))
    expect(dataset.queries).toEqual([
      { id: "0", text: "Why does it boil?", excludedIds: ["d2", "x"] },
      { id: "1", text: "Why does it boil?" },
    ])
    expect([...dataset.qrels.get("0")!.keys()]).toEqual(["d1", "d3"])
    expect(dataset.warnings).toContainEqual({ code: "duplicate-judgement", count: 2 })
    expect(dataset.queryFields.get("0")).toEqual({ reasoning: "phase change", gold_answer: "heat" })
    expect(dataset.description).toMatchObject({ form: "bright", exclusions: "listed", excludedIds: 2, long: false })
    const [first, second] = dataset.candidates!
    expect(first!.hits.map((hit) => hit.id)).toEqual(["d 9", "d1"])
    expect(first!.warnings).toEqual([{ code: "excluded-document", count: 1 }])
    expect(second!.hits.map((hit) => hit.id)).toEqual(["d2"])
    expect(first!.query).toBe(dataset.queries[0])
  })

  it("says which file of documents is missing, and reads it where it lies", async () => {
    const error = await failure(async () => collect((await openDataset(folderWith(files))).documents()))
    expect(error.code).toBe("not-found")
    expect(error.message).toContain("documents.jsonl")
    const whole = await openDataset(folderWith({ ...files, "documents.jsonl": jsonl({ id: "d1", content: "Water." }) }))
    expect(await collect(whole.documents())).toEqual([{ id: "d1", text: "Water." }])
  })

  it("judges whole documents with long, and only queries that have some", async () => {
    const folder = folderWith({ ...files, "long_documents.jsonl": jsonl({ id: "long1", content: "Water, whole." }) })
    const dataset = await openDataset(folder, { long: true })
    expect(dataset.queries.map((query) => query.id)).toEqual(["0"])
    expect([...dataset.qrels.get("0")!.keys()]).toEqual(["long1"])
    expect(dataset.measures[0]).toBe("R@1")
    expect(dataset.candidates).toBeUndefined()
    expect(await collect(dataset.documents())).toEqual([{ id: "long1", text: "Water, whole." }])
    const none = folderWith({ "examples.jsonl": jsonl({ ...example, gold_ids_long: ["N/A"] }) })
    expect((await failure(() => openDataset(none, { long: true }))).message).toContain("without long")
  })

  it.each(["0 Q0 d1 1 nan r\n", "0 Q0 d1 1\n", "0 Q0 d1 1 0.5 r\n0 Q0 d1 2 0.4 r\n"])(
    "refuses the run %j",
    async (run) => {
      const error = await failure(() => openDataset(folderWith({ ...files, "reasonir.top100.trec": run })))
      expect(error.code).toBe("data")
      expect(error.message).toMatch(/reasonir\.top100\.trec:[12]: /)
    },
  )

  it("takes rewritten queries by the name of their file", async () => {
    const folder = folderWith({ ...files, "gpt4_reason.jsonl": jsonl({ ...example, query: "A long thought." }) })
    const dataset = await openDataset(folder, { variant: "gpt4_reason" })
    expect(dataset.queries.map((query) => query.text)).toEqual(["A long thought."])
    expect(dataset.candidates).toHaveLength(1)
    expect((await failure(() => openDataset(folder, { variant: "nope" }))).message).toContain("there are: reasonir")
  })
})
