import { RankineError } from "../../src/core/index.js"
import { matrixOf } from "../../src/lowrank/linalg/matrix.js"
import { principalComponents } from "../../src/lowrank/linalg/principal-components.js"

/** `inner-product`, or the width of a Gaussian. */
export type LowRankKernel = "inner-product" | { readonly gaussian: number }

export interface LowRankOptions {
  /**
   * Principal components that are kept. Default 128; n candidates have n at most, and with all of them only the centring is left of the
   * method: to reduce anything, stay below the number of candidates.
   */
  readonly dimensions?: number
  /** Default `inner-product`, for arithmetic; the paper takes a Gaussian of width 0.25 or 0.5 for commonsense questions. */
  readonly kernel?: LowRankKernel
}

/** Throws `argument` for numbers out of range. */
export function checkLowRank({ dimensions = 128, kernel = "inner-product" }: LowRankOptions): Required<LowRankOptions> {
  if (!Number.isInteger(dimensions) || dimensions < 1)
    throw new RankineError("argument", `dimensions must be a whole number of at least 1, got ${dimensions}`)
  if (kernel !== "inner-product") {
    const width = kernel?.gaussian
    if (!(width > 0 && Number.isFinite(width)))
      throw new RankineError(
        "argument",
        `kernel must be "inner-product" or { gaussian: a width above 0 }, got ${JSON.stringify(kernel)}`,
      )
  }
  return { dimensions, kernel }
}

/**
 * How near candidates are to a query in the space in which they differ most among themselves: the vectors of all candidates and of the query
 * are centred and projected onto their first principal components; the score is the inner product there, or
 * `exp(-distance² / (2 width²))`. What all candidates share, which a first stage has selected for, no longer counts.
 *
 * LoRe of DQ-LoRe (arXiv 2310.02954), by the paper's formula.
 *
 * @returns a score for each candidate, higher is nearer; 0 for all where they do not differ
 */
export function lowRankScores(
  query: ArrayLike<number>,
  candidates: readonly ArrayLike<number>[],
  options: LowRankOptions = {},
): Float64Array {
  const { dimensions, kernel } = checkLowRank(options)
  if (candidates.length === 0) return new Float64Array(0)
  const { projected } = principalComponents(matrixOf([...candidates, query]), dimensions)
  const { columns, values } = projected
  const own = candidates.length * columns
  return Float64Array.from(candidates, (_, row) => {
    let product = 0
    let distance = 0
    for (let at = 0; at < columns; at++) {
      const left = values[row * columns + at]!
      const right = values[own + at]!
      product += left * right
      distance += (left - right) ** 2
    }
    return kernel === "inner-product" ? product : Math.exp(-distance / (2 * kernel.gaussian ** 2))
  })
}
