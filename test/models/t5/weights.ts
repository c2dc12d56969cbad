import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"

/** Numbers out of a tensor's name and the position in it, the same as `weight` in fixtures/make_rerankers.py makes. */
export function weight(name: string, shape: readonly number[]): Float32Array {
  let seed = 2166136261
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 16777619)
  const size = shape.reduce((product, dimension) => product * dimension, 1)
  const table = name === "shared.weight" || name === "lm_head.weight" || name.includes("relative")
  return Float32Array.from({ length: size }, (_, index) => {
    let x = (Math.imul(index, 2654435761) + seed) | 0
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
    const unit = ((x ^ (x >>> 16)) >>> 0) / 2 ** 31 - 1
    if (shape.length === 1) return 1 + 0.3 * unit
    return table ? 1.5 * unit : unit * (2 / Math.sqrt(shape[1]))
  })
}

/** Writes a model's folder; `change` may put other numbers into a tensor. */
export async function writeModel(
  folder: string,
  config: object,
  tensors: Readonly<Record<string, readonly number[]>>,
  tokenizerFolder: string,
  change: (name: string, values: Float32Array) => Float32Array = (_, values) => values,
): Promise<void> {
  await mkdir(folder, { recursive: true })
  const header: Record<string, unknown> = {}
  const parts: Float32Array[] = []
  let at = 0
  for (const [name, shape] of Object.entries(tensors)) {
    const values = change(name, weight(name, shape))
    header[name] = { dtype: "F32", shape, data_offsets: [at, at + values.byteLength] }
    at += values.byteLength
    parts.push(values)
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const bytes = parts.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength))
  await writeFile(join(folder, "model.safetensors"), Buffer.concat([length, json, ...bytes]))
  await writeFile(join(folder, "config.json"), JSON.stringify(config))
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
    const text = await readFile(join(tokenizerFolder, name)).catch(() => undefined)
    if (text) await writeFile(join(folder, name), text)
  }
}
