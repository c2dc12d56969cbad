import { describe, expect, it } from "vitest"
import { meanOfParts, openDataset } from "../../datasets/index.js"
import { CQADUPSTACK_FORUMS } from "../../datasets/registry.js"
import { beirFiles, collect, failure, folderWith } from "./helpers.js"

describe("CQADupStack", () => {
  it("is twelve collections and their mean", async () => {
    const files = CQADUPSTACK_FORUMS.flatMap((forum) =>
      Object.entries(beirFiles).map(([path, text]): [string, string] => [`${forum}/${path}`, text]),
    )
    const dataset = await openDataset(folderWith(Object.fromEntries(files)))
    expect(dataset.name).toBe("cqadupstack")
    expect(dataset.parts?.map((part) => part.name)).toEqual(CQADUPSTACK_FORUMS.map((forum) => `cqadupstack-${forum}`))
    expect(dataset.queries).toHaveLength(24)
    expect(dataset.qrels.has("cqadupstack-tex/q1")).toBe(true)
    // Its queries are documents of the forum.
    expect(dataset.parts![3]!.queries[0]!.excludedIds).toEqual(["q1"])
    expect((await failure(() => dataset.documents())).message).toContain("dataset.parts")
    for (const part of dataset.parts!) await collect(part.documents())
    expect(dataset.size).toBe(48)
    expect(dataset.warnings).toContainEqual(expect.objectContaining({ code: "empty-document", count: 12 }))
  })

  it("averages measures over parts, and refuses holes", async () => {
    expect(meanOfParts([{ "nDCG@10": 0.25 }, { "nDCG@10": 0.75 }])).toEqual({ "nDCG@10": 0.5 })
    expect((await failure(() => meanOfParts([{ AP: 1 }, {}]))).code).toBe("argument")
  })
})
