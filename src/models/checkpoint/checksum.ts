import { createHash, type Hash } from "node:crypto"
import { createReadStream } from "node:fs"
import { stat } from "node:fs/promises"
import { readExactly } from "./read-exactly.js"
import type { TensorInfo } from "./tensor-type.js"

/** Up to here everything is hashed, which takes less than half a second. */
const FULL = 2 ** 28
const SAMPLE = 2 ** 16

/** The same for the same weights, whatever their files are called. Training changes every tensor, so that samples of each tell models apart. */
export async function checksumOf(files: readonly string[], tensors: readonly TensorInfo[]): Promise<string> {
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size))
  const full = sizes.reduce((sum, size) => sum + size, 0) <= FULL
  const hash = createHash("sha256")
  for (const [index, file] of files.entries()) {
    hash.update(`${sizes[index]};`)
    if (full) for await (const piece of createReadStream(file, { highWaterMark: 2 ** 20 })) hash.update(piece as Buffer)
    else await sample(hash, file, tensors)
  }
  return `${full ? "full" : "sampled"}-${hash.digest("hex").slice(0, 32)}`
}

async function sample(hash: Hash, file: string, tensors: readonly TensorInfo[]): Promise<void> {
  const own = tensors.filter((tensor) => tensor.file === file).sort((a, b) => a.offset - b.offset)
  const update = async (from: number, length: number) => {
    const bytes = new Uint8Array(length)
    await readExactly(file, from, bytes)
    hash.update(bytes)
  }
  // Everything before the first tensor is the header.
  if (own.length > 0) await update(0, own[0].offset)
  for (const { offset, length } of own) {
    await update(offset, Math.min(SAMPLE, length))
    if (length > SAMPLE)
      await update(Math.max(offset + SAMPLE, offset + length - SAMPLE), Math.min(SAMPLE, length - SAMPLE))
  }
}
