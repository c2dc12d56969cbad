import { open } from "node:fs/promises"

/** The longest single read; the system's own limit is 2 GiB. */
const PIECE = 2 ** 28

/** Fills `target` from `position` of the file; false where the file ends before. */
export async function readExactly(path: string, position: number, target: Uint8Array): Promise<boolean> {
  const file = await open(path, "r")
  try {
    let at = 0
    while (at < target.length) {
      const { bytesRead } = await file.read(target, at, Math.min(PIECE, target.length - at), position + at)
      if (bytesRead === 0) return false
      at += bytesRead
    }
    return true
  } finally {
    await file.close()
  }
}
