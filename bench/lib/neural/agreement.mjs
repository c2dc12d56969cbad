/** Do two engines give the same numbers? @module */

/** The lowest and the mean cosine of rows of `width` numbers; for width 1 the largest difference of scores. */
export function agreement(values, reference, width) {
  return width > 1 ? cosines(values, reference, width) : scores(values, reference)
}

function cosines(values, reference, width) {
  let lowest = 1
  let sum = 0
  const rows = values.length / width
  for (let row = 0; row < rows; row++) {
    let dot = 0
    let left = 0
    let right = 0
    for (let i = row * width; i < (row + 1) * width; i++) {
      dot += values[i] * reference[i]
      left += values[i] ** 2
      right += reference[i] ** 2
    }
    const cosine = dot / Math.sqrt(left * right)
    lowest = Math.min(lowest, cosine)
    sum += cosine
  }
  return { lowestCosine: lowest, meanCosine: sum / rows }
}

function scores(values, reference) {
  let largest = 0
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i] - reference[i]))
  return { largestDifference: largest }
}
