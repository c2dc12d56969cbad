/** Builds the pipelines of bench/expected/neural.yaml and holds their quality against the figures there. */
import { existsSync, readFileSync } from "node:fs"
import { resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import { z } from "zod"
import { openDataset } from "../../datasets/index.js"
import { locateModel } from "../../src/models/locate.js"
import { buildPipeline, runBenchmark } from "../../src/pipelines/index.js"

const Expected = z.array(
  z.strictObject({
    name: z.string(),
    data: z.string(),
    pipeline: z.strictObject({ retriever: z.record(z.string(), z.looseObject({ model: z.string() })) }),
    expected: z.record(z.string(), z.number()),
    tolerance: z.number().positive(),
    source: z.string(),
    slow: z.literal(true).optional(),
  }),
)

const root = resolve(import.meta.dirname, "../..")
const rows = Expected.parse(parse(readFileSync(resolve(root, "bench/expected/neural.yaml"), "utf8")))
const withSlow = process.env.RANKINE_SLOW_TESTS === "1"

async function hasModel(model: string): Promise<boolean> {
  if (model.includes("/")) return existsSync(resolve(root, model, "model.safetensors"))
  return locateModel(model).then(
    () => true,
    () => false,
  )
}

const there = await Promise.all(
  rows.map(async ({ data, pipeline }) => {
    const models = Object.values(pipeline.retriever).map(({ model }) => model)
    return existsSync(resolve(root, data)) && (await Promise.all(models.map(hasModel))).every(Boolean)
  }),
)

describe("expected figures of neural retrieval", () => {
  for (const [i, { name, data, pipeline, expected, tolerance, slow }] of rows.entries()) {
    const title = slow && !withSlow ? `${name} (takes minutes: set RANKINE_SLOW_TESTS=1)` : name
    it.skipIf(!there[i] || (slow && !withSlow))(
      title,
      async () => {
        const dataset = await openDataset(resolve(root, data))
        const build = (context: Parameters<Parameters<typeof runBenchmark>[1]>[0]) => buildPipeline(pipeline, context)
        const { result } = await runBenchmark(dataset, build, { measures: Object.keys(expected), topK: 100 })
        expect(result.status.failed).toBe(0)
        for (const [measure, value] of Object.entries(expected)) {
          const found = result.measures[measure]!
          expect(Math.abs(found - value), `${measure} is ${found}, expected ${value}`).toBeLessThanOrEqual(tolerance)
        }
      },
      slow ? 1_800_000 : 240_000,
    )
  }
})
