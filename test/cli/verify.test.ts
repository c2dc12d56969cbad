/** `rankine verify` against PyTorch's numbers, and against its own. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { openSafetensors } from "../../src/models/checkpoint/safetensors.js"
import { miniatures, missing, tiny } from "../models/training-graph/reference.js"
import { rankine } from "./run.js"

const folders: string[] = []
async function copyOf(name: string, without: readonly string[] = []): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "rankine-verify-"))
  folders.push(folder)
  await cp(join(tiny, name), folder, { recursive: true })
  for (const file of without) await rm(join(folder, file), { recursive: true })
  return folder
}
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true })
})

/** Adds to one float of a tensor, in its file. */
async function bend(path: string, tensor: string, index: number, by: number): Promise<void> {
  const { offset, dtype } = (await openSafetensors(path)).tensors.get(tensor)!
  const bytes = await readFile(path)
  if (dtype === "F64") bytes.writeDoubleLE(bytes.readDoubleLE(offset + 8 * index) + by, offset + 8 * index)
  else bytes.writeFloatLE(bytes.readFloatLE(offset + 4 * index) + by, offset + 4 * index)
  await writeFile(path, bytes)
}

describe.skipIf(missing)("rankine verify", () => {
  it.each(miniatures)("%s agrees with PyTorch", async (name) => {
    const { code, out, err } = await rankine(["verify", join(tiny, name), "--threads", "1", "--json"])
    expect(err).toBe("")
    const found = JSON.parse(out)
    expect(found, out).toMatchObject({ ok: true, failed: [], written: false })
    expect(code).toBe(0)
    expect(Object.keys(found).slice(0, 6)).toEqual(["logits", "adapterLogits", "loss", "gradients", "steps", "ok"])
    expect(found.logits).toBeLessThan(1e-4)
    expect(found.adapterLogits).toBeLessThan(1e-4)
    expect(found.loss).toBeLessThan(1e-4)
    expect(found.gradients).toBeLessThan(1e-3)
    expect(found.steps).toBeLessThan(1e-4)
    // What BERT's relatives and T5 compute in float64 is PyTorch's to the last digit.
    if (/bert$|roberta$|mpnet|t5/.test(name) && name !== "modernbert") expect(found.steps).toBeLessThan(1e-6)
    if (name === "t5-gated") expect(found.float32.steps).toBeGreaterThan(1e-4)
  })

  it.each([
    ["logits", "reference.safetensors", "logits", 5, 3e-4, ["logits"]],
    ["adapterLogits", "reference.safetensors", "adapter_logits", 5, 3e-4, ["adapterLogits"]],
    ["steps", "reference.safetensors", "step5.model.layers.0.mlp.up_proj.lora_A.weight", 7, 3e-4, ["steps"]],
    [
      "gradients",
      "reference.safetensors",
      "grad.model.layers.1.self_attn.k_proj.lora_B.weight",
      3,
      0.01,
      ["gradients"],
    ],
    [
      "a weight",
      "model.safetensors",
      "model.layers.1.mlp.down_proj.weight",
      17,
      0.05,
      ["logits", "gradients", "steps"],
    ],
    [
      "the adapter",
      "adapter/adapter_model.safetensors",
      "base_model.model.model.layers.0.self_attn.v_proj.lora_A.weight",
      2,
      0.02,
      ["adapterLogits", "gradients", "steps"],
    ],
  ] as const)("sees one wrong number of %s", async (_, file, tensor, index, by, parts) => {
    const folder = await copyOf("qwen2")
    await bend(join(folder, file), tensor, index, by)
    const { code, out } = await rankine(["verify", folder, "--threads", "1", "--json"])
    const found = JSON.parse(out)
    expect(found.ok).toBe(false)
    expect(found.failed).toEqual(expect.arrayContaining([...parts]))
    expect(code).toBe(6)
    const readable = await rankine(["verify", folder, "--threads", "1"])
    expect(readable.code).toBe(6)
    expect(readable.out).toContain("differs")
  })

  it.each(["llama", "bert", "t5"])(
    "%s: pins a model without a reference, and agrees with that from then on",
    async (name) => {
      const folder = await copyOf(name, ["reference.safetensors", "reference.json", "adapter"])
      const first = JSON.parse((await rankine(["verify", folder, "--threads", "1", "--json"])).out)
      expect(first).toMatchObject({ ok: true, written: true, logits: 0, adapterLogits: 0 })
      const second = await rankine(["verify", folder, "--threads", "1", "--json"])
      expect(JSON.parse(second.out)).toMatchObject({ ok: true, written: false, logits: 0 })
      expect(JSON.parse(second.out).gradients).toBeLessThan(1e-6)
      await bend(join(folder, "reference.safetensors"), "logits", 0, 1e-3)
      expect((await rankine(["verify", folder, "--threads", "1"])).code).toBe(6)
    },
  )

  it("says which tensor of which file is wrong", async () => {
    const folder = await copyOf("llama")
    const path = join(folder, "reference.safetensors")
    const bytes = await readFile(path)
    const fails = async (code: number, message: RegExp) => {
      const failed = await rankine(["verify", folder, "--threads", "1"])
      expect(failed.err).toMatch(message)
      expect(failed.code).toBe(code)
      expect(failed.out).toBe("")
    }
    await writeFile(path, bytes.subarray(0, bytes.length - 100))
    await fails(5, /reference\.safetensors: .*cut short/)
    const renamed = Buffer.from(bytes)
    renamed.write("adapter_logitz", bytes.indexOf("adapter_logits"))
    await writeFile(path, renamed)
    await fails(5, /reference\.safetensors: there is no tensor adapter_logits/)
    const reshaped = Buffer.from(bytes)
    const shape = '"shape":[3,21]'
    reshaped.write('"shape":[21,3]', bytes.indexOf(shape, bytes.indexOf('"attention_mask"')))
    await writeFile(path, reshaped)
    await fails(5, /reference\.safetensors: tensor attention_mask has shape \[21, 3\] where \[3, 21\]/)
    await writeFile(path, bytes)
    const config = join(folder, "config.json")
    const raw = await readFile(config, "utf8")
    await writeFile(config, raw.replace('"llama"', '"lama"'))
    await fails(6, /config\.json: model_type "lama" is not among/)
    await writeFile(config, raw)
    await rm(join(folder, "adapter"), { recursive: true })
    await fails(4, /adapter is missing/)
    await rm(path)
    const model = join(folder, "model.safetensors")
    await writeFile(model, (await readFile(model)).subarray(0, 60_000))
    await fails(5, /model\.safetensors.*cut short/)
  })
})
