import { describe, expect, it } from "vitest"
import { Bm25Index, type Bm25Options, type Bm25Variant } from "../../../retrievers/bm25/index.js"
import { lossyLength } from "../../../retrievers/bm25/scoring.js"
import { compareHits, type Document, documentText, type Query } from "../../../src/core/index.js"
import { collection, queryTexts } from "./collection.js"

const words = (text: string) => text.split(/\s+/).filter(Boolean)

/** The textbook's formulas in float64, one document and one field at a time, straight from the definitions. */
function reference(documents: readonly Document[], query: Query, variant: Bm25Variant, options: Bm25Options) {
  const { k1 = 0.9, b = 0.4, norm = "exact", fields } = options
  const delta = options.delta ?? { lucene: 0, robertson: 0, atire: 0, bm25l: 0.5, "bm25+": 1 }[variant]
  const parts = fields ? Object.entries(fields) : [["", 1] as const]
  const scores = new Map<string, number>()
  for (const [field, weight] of parts) {
    const read = (d: Document) => words(field === "" ? documentText(d) : field === "title" ? (d.title ?? "") : d.text)
    const bags = documents.map(read)
    const filled = bags.filter((bag) => bag.length > 0)
    const n = filled.length
    const average = filled.reduce((sum, bag) => sum + bag.length, 0) / n
    const counts = new Map<string, number>()
    const terms = words(query.text)
    for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1)
    for (const [term, queryCount] of counts) {
      const df = bags.filter((bag) => bag.includes(term)).length
      if (df === 0) continue
      const idf = {
        lucene: Math.log(1 + (n - df + 0.5) / (df + 0.5)),
        robertson: Math.max(0, Math.log((n - df + 0.5) / (df + 0.5))),
        atire: Math.log(n / df),
        bm25l: Math.log((n + 1) / (df + 0.5)),
        "bm25+": Math.log((n + 1) / df),
      }[variant]
      const queryWeight = options.querySide
        ? (idf * queryCount) / (queryCount + k1 * (1 - b + (b * terms.length) / average))
        : queryCount
      bags.forEach((bag, i) => {
        const tf = bag.filter((other) => other === term).length
        if (tf === 0) return
        const length = 1 - b + (b * (norm === "lucene" ? lossyLength(bag.length) : bag.length)) / average
        const c = tf / length + delta
        const saturated = {
          lucene: tf / (tf + k1 * length),
          robertson: ((k1 + 1) * tf) / (k1 * length + tf),
          atire: ((k1 + 1) * tf) / (k1 * length + tf),
          bm25l: ((k1 + 1) * c) / (k1 + c),
          "bm25+": ((k1 + 1) * tf) / (k1 * length + tf) + delta,
        }[variant]
        const id = documents[i]!.id
        scores.set(id, (scores.get(id) ?? 0) + weight * queryWeight * idf * saturated)
      })
    }
  }
  return [...scores]
    .filter(([, score]) => score > 0)
    .map(([id, score]) => ({ id, score }))
    .sort(compareHits)
}

describe("BM25's formulas", () => {
  const documents = collection(150, 11, 50, 40)
  const queries = queryTexts(60, 12, 50)
  const cases: [string, Bm25Options][] = [
    ["defaults", {}],
    ["other k1 and b", { k1: 1.5, b: 0.75 }],
    ["Lucene's one-byte lengths", { norm: "lucene" }],
    ["fields with weights", { fields: { title: 2, text: 1 } }],
    ["saturated on the query's side", { querySide: true }],
    ["another delta", { delta: 0.3 }],
  ]
  for (const variant of ["lucene", "robertson", "atire", "bm25l", "bm25+"] as const)
    for (const [name, options] of cases)
      it(`${variant}, ${name}: every score is the definition's`, async () => {
        const index = await Bm25Index.build(documents, { norm: "exact", ...options, variant, analyzer: "whitespace" })
        const rankings = await index.retrieve(queries)
        for (const { query, hits } of rankings) {
          const expected = new Map(reference(documents, query, variant, options).map(({ id, score }) => [id, score]))
          expect(new Set(hits.map((hit) => hit.id))).toEqual(new Set(expected.keys()))
          for (const { id, score } of hits) expect(Math.abs(score / expected.get(id)! - 1)).toBeLessThan(2e-6)
        }
      })

  it("keeps lengths as Lucene's byte does: exact up to 40, then in steps", () => {
    for (let length = 0; length <= 40; length++) expect(lossyLength(length)).toBe(length)
    // Values of SmallFloat.byte4ToInt(SmallFloat.intToByte4(length)).
    expect([41, 42, 57, 100, 1000, 10_000, 1_000_000].map(lossyLength)).toEqual([40, 42, 56, 96, 984, 9240, 983_064])
  })
})
