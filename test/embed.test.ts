import { describe, expect, it } from "vitest"
import { embed } from "../src/index.js"

describe("embed", () => {
  it("gives vectors of length 1 without ONNX Runtime, the same for the same text", async () => {
    const { vectors, dimension, model, tokens, truncated } = await embed([
      "Swifts sleep.",
      "Heat pumps",
      "Swifts sleep.",
    ])
    expect({ dimension, model, truncated }).toEqual({ dimension: 128, model: "potion-base-4M", truncated: [] })
    expect(tokens).toBeGreaterThan(6)
    for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
    expect(vectors[2]).toEqual(vectors[0])
    expect(vectors[1]).not.toEqual(vectors[0])
  })

  it("says what is wrong", async () => {
    expect((await embed([])).vectors).toEqual([])
    await expect(embed("text" as unknown as string[])).rejects.toMatchObject({ code: "argument" })
    await expect(embed([1] as unknown as string[])).rejects.toMatchObject({ code: "argument" })
    await expect(embed(["a"], { model: "no-such-model" })).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("RANKINE_MODELS"),
    })
    await expect(embed(["a"], { model: "splade-tiny" })).rejects.toMatchObject({
      code: "model",
      message: expect.stringContaining("sparse"),
    })
  })
})
