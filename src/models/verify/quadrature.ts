/** Gauss and Legendre's rule: the best places to look at a smooth function for its integral. @module */

/** Places and weights for ∫₀¹: the roots of the Legendre polynomial of that degree, found by Newton's method. */
export function quadrature(count: number): { readonly places: readonly number[]; readonly weights: readonly number[] } {
  const places: number[] = []
  const weights: number[] = []
  for (let index = 0; index < count; index++) {
    let x = Math.cos((Math.PI * (index + 0.75)) / (count + 0.5))
    let slope = 1
    for (let round = 0; round < 100; round++) {
      let [value, before] = [1, 0]
      for (let degree = 1; degree <= count; degree++)
        [value, before] = [((2 * degree - 1) * x * value - (degree - 1) * before) / degree, value]
      slope = (count * (x * value - before)) / (x * x - 1)
      const step = value / slope
      x -= step
      if (Math.abs(step) < 1e-16) break
    }
    places.push((1 - x) / 2)
    weights.push(1 / ((1 - x * x) * slope * slope))
  }
  return { places, weights }
}
