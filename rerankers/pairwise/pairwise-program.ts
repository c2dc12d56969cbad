import type { RerankProgram } from "../../src/core/index.js"
import type { PairwiseAnswer, PairwiseQuestion } from "../program/questions.js"
import { bubbleSort, heapsort, sortingProgram } from "../sorting/index.js"
import { checkOneOf, checkWhole } from "../sorting/settings.js"
import { allPairs } from "./all-pairs.js"
import { beats, type Verdict } from "./duel.js"

export interface PairwiseSettings {
  /**
   * `heapsort` (the default) asks about 2 k log2 N times for the best k of N documents; `sliding` goes through the list k times, from the tail to the
   * head, and changes the places of neighbours; `all-pairs` asks N (N - 1) times.
   */
  readonly algorithm?: "heapsort" | "sliding" | "all-pairs"
  /** How many of the best are to be found; the others keep their incoming order below. Default 10. All pairs order everything. */
  readonly top?: number
}

/** The settings with their defaults. Throws `argument` for settings that make no sense. */
export function checkedPairwise({ algorithm = "heapsort", top = 10 }: PairwiseSettings): Required<PairwiseSettings> {
  checkOneOf("algorithm", algorithm, ["heapsort", "sliding", "all-pairs"])
  checkWhole({ top: [top, 1] })
  return { algorithm, top }
}

/**
 * Pairwise ranking prompting: documents are put in order by comparing two at a time, each pair in both orders at once.
 *
 * @param verdict when one document beats the other; default: when it is preferred in both orders
 * @throws RankineError `argument` for settings that make no sense
 */
export function pairwiseProgram(
  settings: PairwiseSettings = {},
  verdict: Verdict = "consistent",
): RerankProgram<PairwiseQuestion, PairwiseAnswer> {
  const { algorithm, top } = checkedPairwise(settings)
  checkOneOf("verdict", verdict, ["consistent", "probability"])
  if (algorithm === "all-pairs") return allPairs(verdict)
  function* best(contenders: readonly number[]) {
    let champion = 0
    for (let challenger = 1; challenger < contenders.length; challenger++) {
      const won = yield* beats(contenders[challenger]!, contenders[champion]!, verdict)
      if (won === undefined) return undefined
      if (won) champion = challenger
    }
    return champion
  }
  return sortingProgram((count, settled) =>
    algorithm === "heapsort"
      ? heapsort(count, settled, { children: 2, top, best })
      : bubbleSort(count, settled, { children: 1, top, best }),
  )
}
