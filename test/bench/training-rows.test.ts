import { describe, expect, it } from "vitest"
import { checkTrainingMarks } from "../../bench/lib/training/report.mjs"
import { compare, type TrainingRow } from "../../bench/lib/training/run.mjs"

const row = (engine: string, rounds: number[], peakBytes: number, more: Partial<TrainingRow> = {}): TrainingRow => ({
  engine,
  label: engine,
  rounds,
  loadedBytes: 100,
  peakBytes,
  modules: 36,
  loss: 0.7,
  norm: 2,
  ...more,
})

describe("training steps", () => {
  it("are compared with torch's of the same round, and memory by how much it grew", () => {
    const rows = [row("rankine", [1, 1, 3], 600), row("torch", [2, 4, 4], 1100)]
    compare(rows)
    expect(rows[0]!.secondsRatio).toEqual({ median: 0.5, minimum: 0.25, maximum: 0.75 })
    expect(rows[0]!.growthRatio).toBe(0.5)
    expect(rows[1]!.secondsRatio).toBeUndefined()
  })

  it("have no row where they were other steps; dropout may differ", () => {
    const rows = [
      row("torch", [2], 1100),
      row("rankine", [1], 600, { loss: 0.71 }),
      row("rankine-recompute", [1], 600, { norm: 2.1 }),
      row("torch-checkpointing", [1], 600, { modules: 35 }),
      row("torch-dropout", [4], 2100, { loss: 0.8 }),
    ]
    compare(rows)
    expect(rows.map(({ rounds }) => rounds?.length)).toEqual([1, 0, 0, 0, 1])
    expect(rows[1]!.stopped).toMatch(/another step than torch's: 36 layers, loss 0.71/)
    expect(rows[4]!.growthRatio).toBe(2)
  })

  it("meet marks or miss them, with all linears adapted", () => {
    const rows = [row("torch", [2], 1100), row("rankine", [1], 600), row("rankine-recompute", [2], 700)]
    compare(rows)
    const marks = checkTrainingMarks({
      parts: [
        { name: "minilm", targets: "all", rows },
        { name: "smollm2", targets: "attention", rows },
      ],
    })
    expect(marks.map(({ value, met }) => [value, met])).toEqual([
      ["0.500×", true],
      ["0.600×", false],
    ])
  })
})
