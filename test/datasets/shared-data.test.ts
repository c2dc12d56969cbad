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
    ["cranfield", undefined, 1400, 225, 225, 1837, { "empty-document": 2 }],
    ["lisa", undefined, 5999, 35, 35, 379, {}],
    ["time", undefined, 423, 83, 83, 324, {}],
    ["adi", undefined, 82, 35, 35, 170, {}],
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
