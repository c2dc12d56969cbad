import { existsSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import type { Dataset } from "../../datasets/index.js"
import { openDataset } from "../../datasets/index.js"
import { evaluateRankings } from "../../src/evaluation/index.js"
import { collect, sharedData } from "./helpers.js"

async function counts(dataset: Dataset) {
  const documents = await collect(dataset.documents())
  const judgements = [...dataset.qrels.values()].reduce((sum, grades) => sum + grades.size, 0)
  const warnings = Object.fromEntries(dataset.warnings.map(({ code, count }) => [code, count]))
  return { documents: documents.length, queries: dataset.queries.length, all: dataset.allQueries, judgements, warnings }
}

// The figures are those that came with each collection (its SOURCE.txt), counted by other programs.
describe.skipIf(!existsSync(sharedData))("collections on disk", () => {
  it.each([
    ["scifact", undefined, 5183, 300, 1109, 339, {}],
    ["scifact", "train", 5183, 809, 1109, 919, {}],
    ["nfcorpus", undefined, 3633, 323, 3237, 12334, {}],
    ["nfcorpus", "dev", 3633, 324, 3237, 11385, {}],
    ["cacm", undefined, 3204, 52, 64, 796, {}],
    ["cranfield", undefined, 1400, 225, 225, 1837, { "empty-document": 2, "excluded-document": 1 }],
    ["lisa", undefined, 5999, 35, 35, 379, {}],
    ["time", undefined, 423, 83, 83, 324, { "excluded-document": 1 }],
    ["adi", undefined, 82, 35, 35, 170, { "excluded-document": 4 }],
    ["cosqa", "dev", 6267, 500, 1000, 500, {}],
    ["negconstraint", undefined, 3946, 198, 366, 198, {}],
    ["limit_small", undefined, 46, 1000, 1000, 2000, {}],
    ["nq_oracle", undefined, 2600, 2655, 2655, 2655, {}],
    ["trec_dl19", undefined, 14327, 43, 43, 9260, { "unknown-document": 3570 }],
  ] as const)("%s %s", async (name, split, documents, queries, all, judgements, warnings) => {
    const dataset = await openDataset(join(sharedData, name), split === undefined ? {} : { split })
    expect(await counts(dataset)).toEqual({ documents, queries, all, judgements, warnings })
    expect(dataset.size).toBe(documents)
  })
})

describe.skipIf(!existsSync(sharedData))("first stages that come with a collection", () => {
  const nDCG = (dataset: Dataset) =>
    evaluateRankings(dataset.candidates!, dataset.qrels, ["nDCG@10"]).measures["nDCG@10"]!

  // Excluded ids are counted once each (aops repeats 103). Equal scores stand as trec_eval sorts them, not by the rank column.
  it.each([
    ["aops", 111, 524, 622653, 0.0737],
    ["biology", 103, 372, 0, 0.4349],
    ["earth_science", 116, 585, 0, 0.43],
    ["economics", 103, 800, 0, 0.3265],
    ["leetcode", 142, 262, 33485, 0.3168],
    ["pony", 112, 2219, 0, 0.1955],
    ["psychology", 101, 692, 0, 0.3957],
    ["robotics", 101, 520, 0, 0.2082],
    ["stackoverflow", 117, 478, 0, 0.3096],
    ["sustainable_living", 108, 576, 0, 0.2734],
    ["theoremqa_questions", 194, 439, 606523, 0.3393],
    ["theoremqa_theorems", 76, 151, 0, 0.3668],
  ])("BRIGHT %s", async (task, queries, gold, excluded, score) => {
    const dataset = await openDataset(join(sharedData, "bright", task))
    expect(dataset.name).toBe(`bright-${task}`)
    expect(dataset.queries).toHaveLength(queries)
    expect([...dataset.qrels.values()].reduce((sum, grades) => sum + grades.size, 0)).toBe(gold)
    expect(dataset.description.excludedIds ?? 0).toBe(excluded)
    expect(nDCG(dataset)).toBeCloseTo(score, 4)
  })

  it("BRIGHT is the mean of twelve tasks and 1384 queries; whole documents are judged in eight", async () => {
    const dataset = await openDataset(join(sharedData, "bright"))
    expect(dataset.name).toBe("bright")
    expect(dataset.parts).toHaveLength(12)
    expect(dataset.queries).toHaveLength(1384)
    const long = await openDataset(join(sharedData, "bright/pony"), { long: true })
    expect([...long.qrels.values()].reduce((sum, grades) => sum + grades.size, 0)).toBe(769)
  })

  it.each([
    ["trec_dl19", undefined, 43, 0.5058, "bm25"],
    ["trec_dl19", "splade_p_p_ensemble_distil", 43, 0.7308, "dot"],
    ["trec_dl19", "rep_llama", 43, 0.7439, "dot"],
    ["trec_dl21", "bm25_rm3", 53, 0.4455, "bm25"],
    ["noveleval", undefined, 21, 0.6503, "bm25"],
  ])("%s %s", async (name, variant, queries, score, scoreKind) => {
    const dataset = await openDataset(join(sharedData, name), variant === undefined ? {} : { variant })
    expect(dataset.candidates).toHaveLength(queries)
    expect(dataset.candidates![0]!.scoreKind).toBe(scoreKind)
    expect(dataset.candidates!.every(({ hits }) => hits.every(({ document }) => document!.text.length > 0))).toBe(true)
    expect(nDCG(dataset)).toBeCloseTo(score, 4)
  })

  it("a candidate file alone gives the same", async () => {
    const dataset = await openDataset(join(sharedData, "trec_dl19/candidates/bm25.top100.jsonl"))
    expect(dataset).toMatchObject({ name: "trec-dl-2019", relevance: { threshold: 2 } })
    expect(nDCG(dataset)).toBeCloseTo(0.5058, 4)
  })

  it("BIRCO's pools, with fractions as grades, and WikiQA's by split", async () => {
    const doris = await openDataset(join(sharedData, "birco/doris_mae"))
    expect(doris).toMatchObject({ name: "birco-doris-mae", split: "dev" })
    expect(doris.queries).toHaveLength(40)
    const grades = [...doris.qrels.values()].flatMap((judged) => [...judged.values()])
    expect(grades).toHaveLength(3129)
    expect(grades.filter((grade) => grade === 0)).toHaveLength(94)
    expect(grades.some((grade) => !Number.isInteger(grade))).toBe(true)
    const sizes = doris.candidates!.map(({ hits }) => hits.length)
    expect([Math.min(...sizes), Math.max(...sizes)]).toEqual([58, 103])
    const arguana = await openDataset(join(sharedData, "birco/arguana"))
    expect(arguana.name).toBe("birco-arguana")
    const own = (await collect(arguana.documents())).filter(({ id }) => arguana.qrels.has(id))
    // Their own texts would otherwise be the best hits of these queries.
    expect(own).toHaveLength(48)
    for (const query of arguana.queries) expect(query.excludedIds).toEqual([query.id])
    for (const [split, questions, pairs] of [
      ["train", 873, 8672],
      ["dev", 126, 1130],
      ["test", 243, 2351],
    ] as const) {
      const wikiqa = await openDataset(join(sharedData, "wikiqa"), { split })
      expect(wikiqa.candidates).toHaveLength(questions)
      expect(wikiqa.candidates!.reduce((sum, { hits }) => sum + hits.length, 0)).toBe(pairs)
    }
  })
})
