/** One folder that every engine reads. @module */
import { existsSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { ours } from "../ours.mjs"

/**
 * Writes a GGUF file's numbers as float32 safetensors with a config.json, once: transformers reads other rounding out of some block types,
 * and reading them is not what is measured.
 */
export async function unpack(gguf, folder) {
  const target = join(folder, "model.safetensors")
  if (existsSync(target)) return
  const { openGguf } = await ours("src/models/checkpoint/gguf.js")
  const { writeSafetensors } = await ours("src/models/checkpoint/write-safetensors.js")
  const model = await openGguf(gguf)
  await mkdir(folder, { recursive: true })
  const tensors = [...model.tensors].map(([name, { shape }]) => ({
    name,
    dtype: "F32",
    shape,
    bytes: async () => {
      const { buffer, byteOffset, byteLength } = await model.read(name)
      return new Uint8Array(buffer, byteOffset, byteLength)
    },
  }))
  const config = { architectures: ["LlamaForCausalLM"], ...model.config }
  await writeFile(join(folder, "config.json"), `${JSON.stringify(config, null, 1)}\n`)
  await writeSafetensors(target, tensors, { format: "pt" })
}
