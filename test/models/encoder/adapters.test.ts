import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { openSafetensors } from "../../../src/models/checkpoint/safetensors.js"
import { type AdapterSlot, loraInputs, loraSlot } from "../../../src/models/encoder/adapter-slot.js"
import { buildEncoder, OUTPUT } from "../../../src/models/encoder/build.js"
import { readEncoderConfig } from "../../../src/models/encoder/config.js"
import { buildT5 } from "../../../src/models/t5/build.js"
import { readT5Config } from "../../../src/models/t5/config.js"
import { createSession } from "../../../src/onnx/session.js"
import { type Tensor, tensor } from "../../../src/onnx/tensor.js"
import { families, missing, tiny } from "./reference.js"

/** The adapter beside a miniature, as inputs of a graph with LoRA slots; alpha / rank is 8 / 4. */
async function adapterOf(folder: string): Promise<{ slot: AdapterSlot; tensors: Record<string, Tensor> }> {
  const file = await openSafetensors(join(folder, "adapter/adapter_model.safetensors"))
  const tensors: Record<string, Tensor> = {}
  const modules = new Set<string>()
  for (const [stored, { shape }] of file.tensors) {
    const name = stored.replace("base_model.model.", "")
    // Heads that were trained as a whole are no low-rank matrices.
    const module = /^(.*)\.lora_[AB]\.weight$/.exec(name)?.[1]
    if (module === undefined) continue
    modules.add(module)
    tensors[name] = tensor("float32", await file.read(stored), shape)
    tensors[loraInputs(module).scale] = tensor("float32", Float32Array.of(2), [])
  }
  const slotted = new Set<string>()
  const slot = loraSlot(({ module }) => modules.has(module) && slotted.add(module) !== undefined)
  return { slot, tensors }
}

async function referenceOf(
  folder: string,
): Promise<{ feeds: Record<string, Tensor>; read(name: string): Promise<Float32Array> }> {
  const file = await openSafetensors(join(folder, "reference.safetensors"))
  const feeds: Record<string, Tensor> = {}
  for (const name of ["input_ids", "attention_mask", "decoder_input_ids"]) {
    const info = file.tensors.get(name)
    if (info) feeds[name] = tensor("int32", Int32Array.from(await file.read(name)), info.shape)
  }
  return { feeds, read: (name) => file.read(name) }
}

function largest(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length)
  return a.reduce((most, value, index) => Math.max(most, Math.abs(value - b[index])), 0)
}

const kinds = [...families, "t5", "t5-gated"]

describe.skipIf(missing)("adapters as inputs of a graph", () => {
  it.each(kinds)("%s: PEFT's logits with the adapter, the model's own with a scale of zero", async (kind) => {
    const folder = join(tiny, kind)
    const checkpoint = await openSafetensors(folder)
    const { feeds, read } = await referenceOf(folder)
    for (const form of ["fused", "standard"] as const) {
      const { slot, tensors } = await adapterOf(folder)
      const options = { form, adapters: slot }
      const built = kind.startsWith("t5")
        ? await buildT5(await readT5Config(folder), checkpoint, { kind: "logits" }, options)
        : await buildEncoder(await readEncoderConfig(folder), checkpoint, { kind: "logits" }, options)
      await using session = await createSession(built.model, { device: "cpu", externalData: built.folder })
      const types = session.inputs.some(({ name }) => name === "token_type_ids")
      const ids = feeds.input_ids!
      const all = {
        ...feeds,
        ...(types ? { token_type_ids: tensor("int32", new Int32Array(ids.data.length), ids.dims) } : {}),
      }
      const run = async (given: Record<string, Tensor>) =>
        (await session.run({ ...all, ...given })).output!.data as Float32Array
      expect(OUTPUT).toBe("output")
      // Gated T5 magnifies rounding: in float32 torch itself is 5.5e-4 off with this adapter.
      const tolerance = kind === "t5-gated" ? 1.5e-3 : 1e-4
      expect(largest(await run(tensors), await read("adapter_logits")), form).toBeLessThan(tolerance)
      const off = Object.fromEntries(
        Object.entries(tensors).map(([name, given]) =>
          name.endsWith("scale") ? [name, tensor("float32", new Float32Array(1), [])] : [name, given],
        ),
      )
      expect(largest(await run(off), await read("logits")), form).toBeLessThan(tolerance)
      expect(largest(await read("adapter_logits"), await read("logits"))).toBeGreaterThan(1e-3)
    }
  })
})
