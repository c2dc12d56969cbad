import type { Standing } from "../../src/core/index.js"

/** Scores of documents from several looks at them: the mean of what is known of each. */
export class ScoreBoard {
  readonly #sums: Float64Array
  readonly #counts: Uint32Array

  constructor(readonly size: number) {
    this.#sums = new Float64Array(size)
    this.#counts = new Uint32Array(size)
  }

  add(position: number, score: number): void {
    this.#sums[position]! += score
    this.#counts[position]!++
  }

  mean(position: number): number | undefined {
    const count = this.#counts[position]!
    return count === 0 ? undefined : this.#sums[position]! / count
  }

  /** Scored documents, the best first, equal ones as they came in. Those without a score are left out. */
  standing(score: (mean: number, position: number) => number = (mean) => mean): Standing {
    const scored: { readonly position: number; readonly score: number }[] = []
    for (let position = 0; position < this.size; position++) {
      const mean = this.mean(position)
      if (mean !== undefined) scored.push({ position, score: score(mean, position) })
    }
    scored.sort((left, right) => right.score - left.score || left.position - right.position)
    return { order: scored.map(({ position }) => position), scores: scored.map((each) => each.score) }
  }
}
