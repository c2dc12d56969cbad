import type { RerankProgram } from "../../src/core/index.js"
import type { PairwiseAnswer, PairwiseQuestion } from "../program/questions.js"
import { bothOrders, marginOf, type Verdict } from "./duel.js"

/**
 * Compares every document with every other one in both orders, N (N - 1) questions, and orders by points: one for a win, a half each for a tie,
 * or with the verdict `probability` the mean preference of both orders. Equal points keep the incoming order.
 *
 * Neighbours come first, then documents that are two places apart, and so on around the list, so that at any time all have had about as many
 * comparisons; pairs that a budget leaves unasked are ties. Each round is twice as large as the one before.
 *
 * Source: Qin et al., "Large language models are effective text rankers with pairwise ranking prompting", NAACL 2024; Pradeep et al., "The
 * Expando-Mono-Duo design pattern", 2021.
 */
export function allPairs(verdict: Verdict = "consistent"): RerankProgram<PairwiseQuestion, PairwiseAnswer> {
  return function* ({ hits: { length: count } }) {
    const points = new Float64Array(count).fill((count - 1) / 2)
    const standing = () => {
      const order = [...points.keys()].sort((left, right) => points[right]! - points[left]! || left - right)
      return { order, scores: order.map((position) => points[position]!) }
    }
    const half = Math.floor(count / 2)
    for (let nearest = 1; nearest <= half; nearest *= 2) {
      const pairs: [number, number][] = []
      for (let distance = nearest; distance <= Math.min(2 * nearest - 1, half); distance++) {
        // Opposite each other in a circle of even length: every pair would come twice.
        const starts = 2 * distance === count ? half : count
        for (let start = 0; start < starts; start++) {
          const other = (start + distance) % count
          pairs.push([Math.min(start, other), Math.max(start, other)])
        }
      }
      const answers = yield { questions: pairs.flatMap(([first, second]) => bothOrders(first, second)), standing }
      pairs.forEach(([first, second], at) => {
        const won = marginOf(answers[2 * at], answers[2 * at + 1], verdict) / 2
        points[first]! += won
        points[second]! -= won
      })
    }
    return standing()
  }
}
