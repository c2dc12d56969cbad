import { describe, expect, it } from "vitest"
import { emptyRanking, type Ranking } from "../../src/core/index.js"
import { buildPipeline } from "../../src/pipelines/index.js"

const texts = { a: "owls", b: "swifts", c: "bats" }
const candidates: Ranking[] = [
  {
    ...emptyRanking({ id: "1", text: "old words" }, "bm25"),
    hits: [
      { id: "b", score: 3 },
      { id: "a", score: 2 },
      { id: "c", score: 1 },
    ],
  },
]

async function* documents() {
  for (const [id, text] of Object.entries(texts)) yield { id, text }
}

describe("the retriever of candidates", () => {
  it("gives what the data set brings, with texts for the stages", async () => {
    const spec = { retriever: { candidates: { depth: 2 } }, stages: [{ mmr: {} }] }
    const built = await buildPipeline(spec, { candidates, documents })
    const [found, unknown] = await built.retrieve([
      { id: "1", text: "new words" },
      { id: "2", text: "?" },
    ])
    expect(found!.query.text).toBe("new words")
    expect(found!.hits.map(({ id, document }) => [id, document?.text])).toEqual([
      ["b", "swifts"],
      ["a", "owls"],
    ])
    expect(unknown!.hits).toEqual([])
  })

  it("is refused where there are none", async () => {
    await expect(buildPipeline({ retriever: "candidates" }, { documents })).rejects.toMatchObject({ code: "argument" })
  })
})
