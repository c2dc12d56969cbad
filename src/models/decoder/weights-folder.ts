/** Whether a decoder's weights need a file of their own, and where that file lies. @module */
import { rmSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isBlockType } from "../checkpoint/block-type.js"
import type { Checkpoint } from "../checkpoint/safetensors.js"
import type { FilePrecision } from "../encoder/precision.js"
import { WEIGHTS_FILE } from "../encoder/weights-file.js"

/** A graph holds at most 2 GiB, and is copied on its way to the session. */
const MOST_INLINE = 2 ** 30

export interface WeightsFolder {
  readonly path: string
  /** Once the session has mapped the file, its name is not needed any more; where the system keeps mapped files, it stays. */
  empty(): Promise<void>
  remove(): Promise<void>
}

/** Bytes for each weight that is made, scales and offsets included. */
const sizes: Readonly<Record<FilePrecision, number>> = {
  fp32: 4,
  fp16: 4,
  int8: 1,
  "int8-weights": 1.0625,
  "int4-weights": 0.625,
  blocks: 1.25,
}

/** About how many bytes of weights must be made, rather than mapped where they are: those that are quantised, or in another form in the file. */
export function madeBytes({ tensors }: Pick<Checkpoint, "tensors">, precision: FilePrecision): number {
  const inFloats = precision === "fp32" || precision === "fp16"
  let bytes = 0
  for (const { dtype, shape, inPlace } of tensors.values()) {
    const mapped = inPlace !== false && !isBlockType(dtype)
    if (shape.length < 2 || (mapped && (inFloats || precision === "blocks"))) continue
    bytes += sizes[precision] * shape.reduce((product, size) => product * size, 1)
  }
  return bytes
}

const folders = new Set<string>()

function removeAll(): void {
  for (const path of folders) rmSync(path, { recursive: true, force: true })
}

/**
 * A folder in the system's temporary one for the weights where they are too many for a graph; undefined where they are not. It is gone at the
 * end of the process at the latest.
 */
export async function weightsFolder(
  checkpoint: Pick<Checkpoint, "tensors">,
  precision: FilePrecision,
): Promise<WeightsFolder | undefined> {
  if (madeBytes(checkpoint, precision) <= MOST_INLINE) return undefined
  const path = await mkdtemp(join(tmpdir(), "rankine-weights-"))
  if (folders.size === 0) process.once("exit", removeAll)
  folders.add(path)
  return {
    path,
    empty: () => rm(join(path, WEIGHTS_FILE), { force: true }).catch(() => {}),
    remove: () => rm(path, { recursive: true, force: true }).catch(() => {}),
  }
}
