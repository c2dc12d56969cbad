/** Symmetric 8-bit integers with a scale for each row. @module */

/** `codes` [rows, columns] from -127 to 127; the value is `codes[r, c] · scales[r]`. */
export interface QuantizedRows {
  readonly codes: Int8Array
  readonly scales: Float32Array
}

const LARGEST = 127

/**
 * Rounds each row of a matrix [rows, columns] to integers, its largest magnitude to 127. A row of zeros has the scale 0.
 *
 * -128 is not used, so that the range is the same on both sides and no pair of products leaves 16 bits (Wu et al., Integer
 * quantization for deep learning inference, 2020, section 3.1.2: scale quantisation).
 */
export function quantizeRows(values: Float32Array, rows: number): QuantizedRows {
  const columns = rows === 0 ? 0 : values.length / rows
  const codes = new Int8Array(values.length)
  const scales = new Float32Array(rows)
  for (let row = 0, at = 0; row < rows; row++) {
    const end = at + columns
    let largest = 0
    for (let index = at; index < end; index++) largest = Math.max(largest, Math.abs(values[index]))
    const scale = Math.fround(largest / LARGEST)
    scales[row] = scale
    // Too small to have a scale in float32: such a row is zero for all that follows.
    if (scale === 0) {
      at = end
      continue
    }
    for (; at < end; at++) codes[at] = Math.max(-LARGEST, Math.min(LARGEST, roundToEven(values[at] / scale)))
  }
  return { codes, scales }
}

/** Ties to the even neighbour, as ONNX's QuantizeLinear and numpy round. */
function roundToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
