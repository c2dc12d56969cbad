import { mkdtempSync, readdirSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { readRecords } from "../../bench/engines/serve.mjs"
import {
  generateDocuments,
  generatedShape,
  randomBits,
  writeGenerated,
  zipfSampler,
} from "../../bench/lib/generate.mjs"

describe("the generated collection", () => {
  test("draws words as Zipf's law says", () => {
    const vocabulary = 50
    const draws = 200_000
    const counts = new Array<number>(vocabulary).fill(0)
    const draw = zipfSampler(vocabulary, 1.07, randomBits(1))
    for (let i = 0; i < draws; i++) counts[draw()]!++
    const weights = counts.map((_, i) => 1 / (i + 1) ** 1.07)
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const chiSquare = counts.reduce((sum, count, i) => {
      const expected = (draws * weights[i]!) / total
      return sum + (count - expected) ** 2 / expected
    }, 0)
    // The 99.9th percentile of chi-square with 49 degrees of freedom.
    expect(chiSquare).toBeLessThan(85.35)
  })

  test("is the same every time, and the start of every larger one", () => {
    const first = [...generateDocuments(20)].length
    expect(first).toBe(20)
    const texts = (count: number) => Array.from(generateDocuments(count), (words) => words.join(" "))
    expect(texts(20)).toEqual(texts(200).slice(0, 20))
    for (const text of texts(200)) {
      const length = text.split(" ").length
      expect(length).toBeGreaterThanOrEqual(generatedShape.minimumWords)
      expect(length).toBeLessThanOrEqual(generatedShape.maximumWords)
    }
    expect(new Set(texts(200)).size).toBe(200)
  })

  test("asks with words of one document", async () => {
    const folder = mkdtempSync(join(tmpdir(), "rankine-generate-"))
    const corpus = join(folder, "corpus.tsv")
    const queryFile = join(folder, "queries.tsv")
    await writeGenerated(3000, corpus, queryFile)
    expect(readdirSync(folder).sort()).toEqual(["corpus.tsv", "queries.tsv"])
    const documents = readRecords(corpus)
    expect(documents.length).toBe(3000)
    expect(documents[2999]!.id).toBe("d2999")
    const words = documents.map(({ text }) => new Set(text.split(" ")))
    const queries = readFileSync(queryFile, "utf8").trimEnd().split("\n")
    expect(queries.length).toBe(generatedShape.queries)
    for (const [number, line] of queries.entries()) {
      const [id, text] = line.split("\t") as [string, string]
      expect(id).toBe(`q${number}`)
      const terms = text.split(" ")
      expect(terms.length).toBeLessThanOrEqual(generatedShape.maximumQueryWords)
      expect(new Set(terms).size).toBe(terms.length)
      expect(words.some((set) => terms.every((term) => set.has(term)))).toBe(true)
    }
  })
})
