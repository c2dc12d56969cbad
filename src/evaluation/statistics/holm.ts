/**
 * Holm's step-down correction: p-values adjusted so that rejecting those below alpha keeps the probability of any false
 * rejection among all of them below alpha. The result has the order of the input.
 * Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979.
 */
export function holm(values: readonly number[]): number[] {
  const order = values.map((_, index) => index).sort((left, right) => values[left]! - values[right]!)
  const adjusted = new Array<number>(values.length)
  let floor = 0
  order.forEach((index, rank) => {
    floor = Math.max(floor, Math.min(1, values[index]! * (values.length - rank)))
    adjusted[index] = floor
  })
  return adjusted
}
