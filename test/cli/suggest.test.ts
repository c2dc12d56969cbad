import { describe, expect, it } from "vitest"
import { nearest, suggestion } from "../../src/cli/suggest.js"

const names = ["bm25", "elasticlunr", "scifact", "nfcorpus"]

describe("suggestions", () => {
  it.each([
    ["bm52", "bm25"],
    ["BM25", "bm25"],
    ["elasticlun", "elasticlunr"],
    ["sicfact", "scifact"],
    ["nf-corpus", "nfcorpus"],
  ])("%s is meant to be %s", (given, meant) => {
    expect(nearest(given, names)).toBe(meant)
  })

  it("says nothing where nothing is near", () => {
    expect(nearest("colbert", names)).toBeUndefined()
    expect(suggestion("colbert", names)).toBe("")
    expect(suggestion("bm24", names)).toBe(" Did you mean bm25?")
  })
})
