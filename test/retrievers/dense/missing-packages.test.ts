import { describe, expect, it, vi } from "vitest"
import { DenseIndex, VectorIndex } from "../../../retrievers/dense/index.js"
import { hashedWords } from "./hashed-words.js"

// Calls of vi.mock are moved above everything else: they cannot share a function.
vi.mock("hnswlib-node", () => {
  throw new Error("Cannot find package 'hnswlib-node'")
})
vi.mock("usearch", () => {
  throw new Error("Cannot find package 'usearch'")
})

describe("without the optional packages", () => {
  it.each([
    ["hnsw", "npm i hnswlib-node"],
    ["usearch", "npm i usearch"],
  ] as const)("%s says what to type", async (index, command) => {
    const refusal = { code: "dependency", message: expect.stringContaining(command) }
    await expect(VectorIndex.create(4, { index })).rejects.toMatchObject(refusal)
    await expect(
      DenseIndex.build([{ id: "a", text: "steam" }], { encoder: hashedWords(), index }),
    ).rejects.toMatchObject(refusal)
  })

  it("exact search needs neither", async () => {
    const index = await DenseIndex.build([{ id: "a", text: "steam" }], { encoder: hashedWords() })
    expect((await index.retrieve([{ id: "q", text: "steam" }]))[0]!.hits).toEqual([{ id: "a", score: 1 }])
  })
})
