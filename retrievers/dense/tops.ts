/** The memory that one call of the kernel works in: queries, masks, and the best rows of each query. @module */

import { SCORES_BYTES, TOP_BYTES } from "./kernel.js"
import type { Matrix } from "./matrix.js"
import { CHUNK_ROWS } from "./matrix.js"
import type { RowBits } from "./row-bits.js"
import type { RowIds } from "./row-ids.js"

/** Bytes of a chunk's part of a mask. */
export const CHUNK_MASK = CHUNK_ROWS / 8

/** Empty tops for so many queries, and the room for scores. */
export function prepareTops(matrix: Matrix, queries: number, k: number): { tops: number; scores: number } {
  const { memory } = matrix
  const tops = memory.region("tops", queries * TOP_BYTES)
  const keys = memory.region("keys", queries * k * 8)
  const scores = memory.region("scores", SCORES_BYTES)
  for (let query = 0; query < queries; query++)
    memory.u32.set([0, k, keys + query * k * 8, 0], (tops + query * TOP_BYTES) / 4)
  return { tops, scores }
}

/** Writes the masks of the queries; address 0 where nothing is hidden, step 0 where all queries share one mask. */
export function writeMasks(matrix: Matrix, hidden: readonly (RowBits | undefined)[]): { mask: number; step: number } {
  if (hidden.every((bits) => bits === undefined || bits.count === 0)) return { mask: 0, step: 0 }
  const shared = hidden.every((bits) => bits === hidden[0])
  const step = matrix.chunks.length * CHUNK_MASK
  const written = shared ? hidden.slice(0, 1) : hidden
  const mask = matrix.memory.region("masks", written.length * step)
  matrix.memory.u8.fill(0, mask, mask + written.length * step)
  written.forEach((bits, index) => {
    if (bits) matrix.memory.u8.set(bits.bytes.subarray(0, step), mask + index * step)
  })
  return { mask, step: shared ? 0 : step }
}

/** The rows of a top, best first, with the scores that the kernel gave them. */
export function readTop(matrix: Matrix, top: number, ids: RowIds): { rows: Uint32Array; scores: Float32Array } {
  const { memory } = matrix
  const count = memory.kernel.finish(top)
  const { rows: byOrder } = ids.order()
  const rows = new Uint32Array(count)
  const bits = new Uint32Array(count)
  const keys = memory.u32[top / 4 + 2]! / 4
  for (let i = 0; i < count; i++) {
    rows[i] = byOrder[~memory.u32[keys + 2 * i]! >>> 0]!
    // The kernel's order-preserving form, undone: negative numbers are inverted, of others the sign is flipped.
    const key = memory.u32[keys + 2 * i + 1]!
    bits[i] = key >>> 31 ? key ^ 0x80000000 : ~key
  }
  return { rows, scores: new Float32Array(bits.buffer) }
}
