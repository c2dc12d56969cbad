/** Element types of GGUF files that keep numbers in blocks, each with scales of its own. @module */

/** Block formats that are read. The name says the bits of an element; `_0` is symmetric, `_1` has an offset, `_K` blocks of blocks. */
export type BlockType = "Q4_0" | "Q4_1" | "Q5_0" | "Q5_1" | "Q8_0" | "Q4_K" | "Q5_K" | "Q6_K"

/** Elements and bytes of one block. */
export const blockSizes: Readonly<Record<BlockType, { readonly elements: number; readonly bytes: number }>> = {
  Q4_0: { elements: 32, bytes: 18 },
  Q4_1: { elements: 32, bytes: 20 },
  Q5_0: { elements: 32, bytes: 22 },
  Q5_1: { elements: 32, bytes: 24 },
  Q8_0: { elements: 32, bytes: 34 },
  Q4_K: { elements: 256, bytes: 144 },
  Q5_K: { elements: 256, bytes: 176 },
  Q6_K: { elements: 256, bytes: 210 },
}

/** The type keeps numbers in blocks; all others keep each number by itself. */
export function isBlockType(type: string): type is BlockType {
  return Object.hasOwn(blockSizes, type)
}
