/** The cosine of two vectors, summed in float64; 0 where one of them is zero, which has no direction. */
export function cosine(left: Float32Array, right: Float32Array): number {
  let product = 0
  let leftSquares = 0
  let rightSquares = 0
  for (let at = 0; at < left.length; at++) {
    product += left[at]! * right[at]!
    leftSquares += left[at]! * left[at]!
    rightSquares += right[at]! * right[at]!
  }
  return product === 0 ? 0 : product / Math.sqrt(leftSquares * rightSquares)
}
