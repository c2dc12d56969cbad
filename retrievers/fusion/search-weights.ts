/** Searches for the weights that score best. @module */

/** What weights are worth; asked again for the same weights it answers from memory. */
export type Score = (weights: readonly number[]) => number

/** Every point of the grid on the simplex, those closest to equal weights first. */
export function searchGrid(equal: readonly number[], intervals: number, score: Score): readonly number[] {
  const points = simplex(equal.length, intervals).map((point) => point.map((part) => part / intervals))
  points.sort((left, right) => distance(left, equal) - distance(right, equal) || compareWeights(left, right))
  return best([equal, ...points], score)
}

/** Moves one weight at a time over the grid, the others keeping their proportions, until nothing improves. */
export function climb(equal: readonly number[], intervals: number, score: Score): readonly number[] {
  let current = equal
  for (let improved = true; improved; ) {
    const before = score(current)
    for (let list = 0; list < equal.length; list++) {
      const others = 1 - current[list]!
      const moves = Array.from({ length: intervals + 1 }, (_, part) => {
        const value = part / intervals
        return current.map((weight, other) =>
          other === list ? value : (1 - value) * (others > 0 ? weight / others : 1 / (equal.length - 1)),
        )
      })
      moves.sort((left, right) => distance(left, current) - distance(right, current) || compareWeights(left, right))
      current = best([current, ...moves], score)
    }
    improved = score(current) > before
  }
  return current
}

/** The first of the best: later ones must be better by more than rounding. */
function best(points: readonly (readonly number[])[], score: Score): readonly number[] {
  let winner = points[0]!
  let winning = score(winner)
  for (const point of points.slice(1)) {
    const value = score(point)
    if (value > winning + 1e-12) {
      winner = point
      winning = value
    }
  }
  return winner
}

/** All ways to write `total` as an ordered sum of `parts` whole numbers. */
function simplex(parts: number, total: number): number[][] {
  if (parts === 1) return [[total]]
  return Array.from({ length: total + 1 }, (_, first) =>
    simplex(parts - 1, total - first).map((rest) => [first, ...rest]),
  ).flat()
}

function distance(left: readonly number[], right: readonly number[]): number {
  return left.reduce((sum, value, index) => sum + (value - right[index]!) ** 2, 0)
}

function compareWeights(left: readonly number[], right: readonly number[]): number {
  const at = left.findIndex((value, index) => value !== right[index])
  return at === -1 ? 0 : left[at]! - right[at]!
}
