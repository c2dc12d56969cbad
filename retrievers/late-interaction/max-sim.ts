/** MaxSim: how well a document's tokens answer a query's. @module */
import { RankineError } from "../../src/core/errors.js"
import type { MultiVector } from "../../src/models/multi-vector-encoder.js"
import { KernelMemory, strideOf } from "./kernel.js"

/** The score of one document, and what it is the sum of. */
export interface MaxSimScore {
  /** Of float32 products, added in float64. */
  readonly score: number
  /** For each of the query's tokens its largest product with a token of the document. */
  readonly best: Float32Array
}

/**
 * The sum over the query's tokens of the largest dot product with a token of the document; 0 where one of the two has no tokens.
 * Khattab and Zaharia, "ColBERT", SIGIR 2020, equation 3.
 */
export class MaxSim {
  readonly #memory = new KernelMemory()
  readonly #stride: number
  #query = 0
  #queryCount = 0

  constructor(readonly dimension: number) {
    if (!Number.isInteger(dimension) || dimension < 1)
      throw new RankineError("argument", `the dimension must be a whole number above 0, got ${dimension}`)
    this.#stride = strideOf(dimension)
  }

  /** The query of the scores that follow. Throws `argument` where its numbers are not whole rows, `data` for NaN or infinite ones. */
  set query(vector: MultiVector) {
    this.#queryCount = countRows(vector, this.dimension, "the query")
    this.#query = this.#memory.region("query", this.#queryCount * this.#stride)
    this.#memory.putRows(this.#query, vector.rows, this.dimension, this.#stride)
  }

  /** Throws `argument` where its numbers are not whole rows, `data` for NaN or infinite ones. */
  score(document: MultiVector): MaxSimScore {
    const memory = this.#memory
    const count = countRows(document, this.dimension, "the document")
    if (count === 0 || this.#queryCount === 0) return { score: 0, best: new Float32Array(this.#queryCount) }
    const rows = memory.region("rows", count * this.#stride)
    const best = memory.region("best", (this.#queryCount + 1) * 4)
    memory.putRows(rows, document.rows, this.dimension, this.#stride)
    const score = memory.kernel.maxsim(this.#query, this.#queryCount, this.#stride, rows, count, best)
    return { score, best: memory.f32.slice(best / 4, best / 4 + this.#queryCount) }
  }
}

/** Beyond this length a dot product can leave the range of float32. */
const LONGEST = 1e18

/** How many vectors there are. Throws `argument` where the numbers are not whole rows, `data` for NaN, infinite and far too large ones. */
export function countRows({ rows }: MultiVector, dimension: number, what: string): number {
  const count = rows.length / dimension
  if (!Number.isInteger(count))
    throw new RankineError(
      "argument",
      `${what} has ${rows.length} numbers, which are no whole vectors of ${dimension}: encode it with the index's model`,
    )
  for (let i = 0; i < rows.length; i++)
    if (!(Math.abs(rows[i]) <= LONGEST))
      throw new RankineError(
        "data",
        `${what} holds ${rows[i]} in the vector of token ${Math.floor(i / dimension) + 1}: look at the model that made it`,
      )
  return count
}
