import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { openSafetensors } from "../../../src/models/checkpoint/safetensors.js"
import { buildT5, type T5Output } from "../../../src/models/t5/build.js"
import { readT5Config } from "../../../src/models/t5/config.js"
import { loadT5, padded, type T5Options, type T5Row } from "../../../src/models/t5/load.js"
import { readModel } from "../../../src/onnx/protobuf.js"
import { createSession } from "../../../src/onnx/session.js"
import { outputOf } from "../../../src/onnx/tensor.js"
import { widened } from "./widen.js"

const tiny = join(import.meta.dirname, "../../../../shared/models/tiny")
const missing = !existsSync(tiny) || !installed("onnxruntime-node")

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

/** The rows of the reference without their padding, and torch's logits after each decoder id. */
async function reference(name: string): Promise<{ rows: Required<T5Row>[]; logits: number[]; steps: number }> {
  const file = await openSafetensors(join(tiny, name, "reference.safetensors"))
  const [batch, length] = file.tensors.get("input_ids")!.shape
  const steps = file.tensors.get("decoder_input_ids")!.shape[1]
  const [ids, mask, decoder] = await Promise.all(
    ["input_ids", "attention_mask", "decoder_input_ids"].map((tensor) => file.read(tensor)),
  )
  const rows = Array.from({ length: batch }, (_, row) => ({
    ids: [...ids.subarray(row * length, (row + 1) * length)].filter((_, place) => mask[row * length + place] === 1),
    decoderIds: [...decoder.subarray(row * steps, (row + 1) * steps)],
  }))
  return { rows, logits: [...(await file.read("logits"))], steps }
}

async function run(folder: string, rows: readonly T5Row[], options: T5Options): Promise<number[]> {
  await using model = await loadT5(folder, { device: "cpu", ...options })
  return (await model.run(rows)).flatMap((row) => [...row])
}

/** The same through a graph that computes in float64. The reference does too, but for the means of squares in its norms, which are float32. */
async function runWide(folder: string, rows: readonly Required<T5Row>[], output: T5Output): Promise<number[]> {
  const config = await readT5Config(folder)
  const built = await buildT5(config, await openSafetensors(folder), output, { form: "standard" })
  await using session = await createSession(widened(built.model), { device: "cpu", externalData: built.folder })
  const [input_ids, attention_mask] = padded(
    rows.map(({ ids }) => ids),
    config.padId,
  )
  const [decoder_input_ids] = padded(
    rows.map(({ decoderIds }) => decoderIds),
    config.padId,
  )
  const feeds = { input_ids, attention_mask, ...(output.kind === "logits" ? { decoder_input_ids } : {}) }
  return [...outputOf(await session.run(feeds), "output float32", "float32").data]
}

/** Logits up to 4 within 1e-4, larger ones in proportion: torch's own float32 is 0.00036 off where they reach 33. */
function tolerance(logits: readonly number[]): number {
  return 1e-4 * Math.max(1, logits.reduce((largest, logit) => Math.max(largest, Math.abs(logit)), 0) / 5)
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length)
  return a.reduce((largest, value, index) => Math.max(largest, Math.abs(value - b[index])), 0)
}

describe.skipIf(missing).each(["t5", "t5-gated"])("the miniature %s, straight from safetensors", (name) => {
  const folder = join(tiny, name)

  it("has torch's logits: within 1e-4 in float64, in float32 as near as float32 comes", async () => {
    const { rows, logits } = await reference(name)
    expect(largestDifference(await runWide(folder, rows, { kind: "logits" }), logits)).toBeLessThan(1e-4)
    for (const attention of ["fused", "standard"] as const) {
      const ours = await run(folder, rows, { attention, output: { kind: "logits" } })
      expect(largestDifference(ours, logits), attention).toBeLessThan(tolerance(logits))
    }
  })

  it("has the same logits for some tokens at the first step alone, and computes no others", async () => {
    const { rows, logits, steps } = await reference(name)
    const vocabulary = logits.length / rows.length / steps
    const tokens = [7, 300, 0]
    const output = { kind: "first", tokens } as const
    const expected = rows.flatMap((_, row) => tokens.map((token) => logits[row * steps * vocabulary + token]))
    expect(largestDifference(await runWide(folder, rows, output), expected)).toBeLessThan(1e-4)
    for (const attention of ["fused", "standard"] as const) {
      const ours = await run(folder, rows, { attention, output })
      expect(largestDifference(ours, expected), attention).toBeLessThan(tolerance(logits))
    }
    const { model } = await buildT5(await readT5Config(folder), await openSafetensors(folder), output)
    const { graph } = readModel(model)
    const sizes = new Map(graph.initializers.map(({ name: initializer, dims }) => [initializer, dims]))
    const multiplied = graph.nodes.filter(({ op }) => op === "Gemm").flatMap(({ inputs }) => sizes.get(inputs[1]) ?? [])
    expect(multiplied.length).toBeGreaterThan(20)
    expect(multiplied).not.toContain(vocabulary)
  })

  it("gives a row the same numbers alone and beside longer ones, within 1e-5", async () => {
    const { rows } = await reference(name)
    const all = [...rows.map(({ ids }, index) => ({ ids: ids.slice(0, 5 + index) })), ...rows]
    const output = { kind: "first", tokens: [9] } as const
    const together = await run(folder, all, { output })
    const alone = await run(folder, all, { output, batch: { maxRows: 1 } })
    expect(largestDifference(together, alone)).toBeLessThan(tolerance(together) / 10)
    // The comparison must be able to fail: rows differ among themselves by far more.
    expect(Math.abs(together[0] - together[1])).toBeGreaterThan(1e-3)
  })
})
