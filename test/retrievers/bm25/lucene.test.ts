import { readFileSync } from "node:fs"
import { beforeAll, describe, expect, it } from "vitest"
import { openBundled } from "../../../datasets/index.js"
import { Bm25Index } from "../../../retrievers/bm25/index.js"
import type { Document } from "../../../src/core/index.js"

interface Golden {
  readonly queries: Record<string, string>
  readonly runs: readonly {
    readonly k1: number
    readonly b: number
    readonly rankings: readonly {
      readonly id: string
      readonly count: number
      readonly hits: readonly (string | number)[]
    }[]
  }[]
}

const golden = JSON.parse(readFileSync(new URL("./fixtures/lucene-mbpp.json", import.meta.url), "utf8")) as Golden

const bits = new DataView(new ArrayBuffer(4))
function floatBits(value: number): number {
  bits.setFloat32(0, value)
  return bits.getInt32(0)
}

describe("BM25 beside Lucene 9.12 itself", () => {
  const documents: Document[] = []
  beforeAll(async () => {
    for await (const document of (await openBundled("mbpp")).documents()) documents.push(document)
  })

  for (const { k1, b, rankings } of golden.runs)
    it(`gives the same documents with the same float32 scores, k1 ${k1}, b ${b}`, async () => {
      const index = await Bm25Index.build(documents, { k1, b })
      for (const strategy of ["exhaustive", "pruned"] as const)
        for (const expected of rankings) {
          const query = { id: expected.id, text: golden.queries[expected.id]! }
          const [ranking] = await index.retrieve([query], { strategy, topK: 1000 })
          const found = ranking!.hits.slice(0, 10).flatMap((hit) => [hit.id, floatBits(hit.score)])
          expect(found).toEqual(expected.hits)
          expect(ranking!.hits.length).toBe(expected.count)
          const [ten] = await index.retrieve([query], { strategy, topK: 10 })
          expect(ten!.hits.flatMap((hit) => [hit.id, floatBits(hit.score)])).toEqual(expected.hits)
        }
    })
})
