/** Symmetric integers with a scale for each block of a row, in the layout of ONNX Runtime's MatMulNBits. @module */
import type { QuantizedRows } from "./rows.js"

/** Rows of blocks, the last block of a row filled up with zeros. */
export interface QuantizedBlocks {
  /** uint8 [rows, blocks, size · bits / 8]: value plus 2^(bits - 1); of two 4-bit values in a byte the first is in the lower half. */
  readonly codes: Uint8Array
  /** float32 [rows · blocks] */
  readonly scales: Float32Array
}

export type BlockBits = 4 | 8

/** Blocks in a row of so many columns. */
export function blocksOf(columns: number, size: number): number {
  return Math.ceil(columns / size)
}

/** Rounds each block of `size` values of a matrix [rows, columns], its largest magnitude to the largest integer. */
export function quantizeBlocks(values: Float32Array, rows: number, bits: BlockBits, size: number): QuantizedBlocks {
  const columns = values.length / rows
  const blocks = blocksOf(columns, size)
  const scales = new Float32Array(rows * blocks)
  const codes = emptyCodes(rows * blocks, bits, size)
  const zero = 2 ** (bits - 1)
  for (let row = 0; row < rows; row++)
    for (let block = 0; block < blocks; block++) {
      const from = row * columns + block * size
      const to = Math.min(from + size, (row + 1) * columns)
      let extreme = 0
      for (let index = from; index < to; index++)
        if (Math.abs(values[index]) > Math.abs(extreme)) extreme = values[index]
      // The value furthest from zero becomes -2^(bits - 1), which the other side does not have: of 4 bits it is a sixteenth of the range.
      const scale = Math.fround(extreme / -zero)
      scales[row * blocks + block] = scale
      if (scale === 0) continue
      const at = (row * blocks + block) * size
      for (let index = from; index < to; index++) {
        const code = Math.max(-zero, Math.min(zero - 1, Math.round(values[index] / scale)))
        put(codes, at + index - from, code + zero, bits)
      }
    }
  return { codes, scales }
}

/** The same 8-bit integers in blocks, each block with its row's scale: nothing is rounded again. */
export function blocksOfRows({ codes: rowCodes, scales: rowScales }: QuantizedRows, size: number): QuantizedBlocks {
  const rows = rowScales.length
  const columns = rowCodes.length / rows
  const blocks = blocksOf(columns, size)
  const codes = emptyCodes(rows * blocks, 8, size)
  const scales = new Float32Array(rows * blocks)
  for (let row = 0; row < rows; row++) {
    scales.fill(rowScales[row], row * blocks, (row + 1) * blocks)
    for (let column = 0; column < columns; column++)
      codes[row * blocks * size + column] = rowCodes[row * columns + column] + 128
  }
  return { codes, scales }
}

/** Everything zero, which is the middle of the range. */
function emptyCodes(blocks: number, bits: BlockBits, size: number): Uint8Array {
  return new Uint8Array((blocks * size * bits) / 8).fill(bits === 8 ? 0x80 : 0x88)
}

function put(codes: Uint8Array, index: number, code: number, bits: BlockBits): void {
  if (bits === 8) codes[index] = code
  else if (index % 2 === 0) codes[index >> 1] = (codes[index >> 1] & 0xf0) | code
  else codes[index >> 1] = (codes[index >> 1] & 0x0f) | (code << 4)
}
