/** Runs the commands of bench/expected and holds their output against the figures there. */
import { existsSync, readFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { parse } from "yaml"
import { z } from "zod"
import { rankine } from "./run.js"

const Expected = z.array(
  z.strictObject({
    name: z.string(),
    command: z.string().startsWith("rankine "),
    expected: z.record(z.string(), z.number()),
    tolerance: z.number().positive(),
    source: z.string(),
  }),
)

const directory = new URL("../../bench/expected/", import.meta.url)
/** The files whose rows are commands of ours; the rest of the directory belongs to the speed benchmarks. */
const files = ["bm25.yaml", "evaluate.yaml"]

let scratch: string
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "rankine-expected-"))
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

describe("expected figures", () => {
  for (const file of files) {
    const rows = Expected.parse(parse(readFileSync(new URL(file, directory), "utf8")))
    for (const { name, command, expected, tolerance } of rows) {
      const args = command.split(/\s+/).slice(1)
      const inputs = args.filter((arg) => arg.startsWith("../"))
      it.skipIf(!inputs.every((path) => existsSync(path)))(`${name}: ${args[0]}`, async () => {
        const output = args[0] === "bench" ? ["--output", join(scratch, `${file}-${name}`)] : []
        const { code, out, err } = await rankine([...args, ...output, "--json"])
        expect(code, err).toBe(0)
        const { measures } = JSON.parse(out) as { measures: Record<string, number> }
        for (const [measure, value] of Object.entries(expected)) {
          const difference = Math.abs(measures[measure]! - value)
          // A figure of four decimals stands for everything that rounds to it.
          expect(difference, `${measure} is ${measures[measure]}, expected ${value}`).toBeLessThanOrEqual(
            tolerance + 1e-12,
          )
        }
      })
    }
  }
})
