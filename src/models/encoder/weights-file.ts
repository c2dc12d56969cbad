/** A file beside a graph for weights that are made for it, and are more than a graph can hold. @module */
import { mkdir, open } from "node:fs/promises"
import { join } from "node:path"

export const WEIGHTS_FILE = "weights"

/** Weights begin where memory pages of common sizes can be mapped. */
export const ALIGNMENT = 4096

/** So much is written at once: the system takes no more than 2 GiB. */
const PIECE = 2 ** 28

export interface WeightsFile {
  write(bytes: Uint8Array, offset: number): Promise<void>
  close(): Promise<void>
}

/** An empty file in a folder, which is made where it is missing; one that is there already is emptied. */
export async function createWeightsFile(folder: string): Promise<WeightsFile> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const handle = await open(join(folder, WEIGHTS_FILE), "w", 0o600)
  return {
    async write(bytes, offset) {
      for (let at = 0; at < bytes.length; ) {
        const length = Math.min(PIECE, bytes.length - at)
        at += (await handle.write(bytes, at, length, offset + at)).bytesWritten
      }
    },
    close: () => handle.close(),
  }
}
