import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { loadDecoder } from "../../../src/models/decoder/load.js"
import { installed } from "../encoder/reference.js"

interface Frozen {
  readonly ids: readonly number[]
  /** The logits of some tokens after each of the last ids. */
  readonly places: readonly { readonly tokens: readonly number[]; readonly logits: readonly number[] }[]
}

const models: Record<string, Frozen> = JSON.parse(
  await readFile(join(import.meta.dirname, "fixtures/gguf.json"), "utf8"),
)
const root = process.env.RANKINE_MODELS ?? join(homedir(), ".cache/rankine/models")

describe.each(Object.entries(models))("%s from its GGUF file", (name, { ids, places }) => {
  const path = join(root, name, "model.gguf")
  const missing = !existsSync(path) || !installed("onnxruntime-node")

  async function differences(precision: "fp32" | "blocks"): Promise<number[]> {
    await using model = await loadDecoder(path, { device: "cpu", precision, contextLength: 512 })
    const asked = places.map((_, index) => ids.length - places.length + index)
    const { logits } = await model.read([ids], { logits: [asked] })
    const { vocabulary } = model.config
    return places.flatMap(({ tokens, logits: expected }, place) =>
      tokens.map((token, index) => Math.abs(logits[0]![place * vocabulary + token]! - expected[index]!)),
    )
  }

  it.skipIf(missing)(
    "has transformers' logits on the dequantised weights within 1e-3",
    { timeout: 120_000 },
    async () => {
      const errors = await differences("fp32")
      expect(errors.length).toBeGreaterThan(160)
      expect(Math.max(...errors)).toBeLessThan(1e-3)
    },
  )

  it.skipIf(missing)(
    "is near them with the file's own blocks, whose activations are rounded",
    { timeout: 120_000 },
    async () => {
      const errors = await differences("blocks")
      const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length
      console.log(`${name} in blocks: mean error ${mean.toFixed(3)}, largest ${Math.max(...errors).toFixed(3)}`)
      expect(mean).toBeLessThan(0.3)
      expect(mean).toBeGreaterThan(1e-4)
    },
  )
})
