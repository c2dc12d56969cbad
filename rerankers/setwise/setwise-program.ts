import type { Random, RerankProgram } from "../../src/core/index.js"
import type { SetwiseAnswer, SetwiseQuestion } from "../program/questions.js"
import { type Asking, bubbleSort, heapsort, sortingProgram } from "../sorting/index.js"
import { checkOneOf, checkWhole } from "../sorting/settings.js"

export interface SetwiseSettings {
  readonly algorithm?: "heapsort" | "bubblesort"
  /** Documents with which one is compared at once; a question shows one more. Default 3. */
  readonly children?: number
  /** How many of the best are to be found; the others keep their incoming order below. Default 10. */
  readonly top?: number
  /** How often each comparison is asked, in other orders; most votes win, chance decides between equals. Default 1. */
  readonly votes?: number
  /** Show the documents of a comparison in random order, so that no place is favoured. Default: where there is more than one vote. */
  readonly shuffle?: boolean
}

/** Settings with their defaults. Throws `argument` for settings that make no sense. */
export function checkedSetwise(settings: SetwiseSettings, mostChildren?: number): Required<SetwiseSettings> {
  const { algorithm = "heapsort", children = 3, top = 10, votes = 1, shuffle = votes > 1 } = settings
  checkOneOf("algorithm", algorithm, ["heapsort", "bubblesort"])
  // A heap in which every node has one child is a list.
  checkWhole({ children: [children, algorithm === "heapsort" ? 2 : 1, mostChildren], top: [top, 1], votes: [votes, 1] })
  return { algorithm, children, top, votes, shuffle }
}

/**
 * Setwise: documents are put in order by asking for the best of a few at a time. Where an answer cannot be used the first of them (the parent in
 * the heap) counts as the best.
 *
 * Source: Zhuang et al., "A setwise approach for effective and highly efficient zero-shot ranking with large language models", SIGIR 2024.
 * @throws RankineError `argument` for settings that make no sense
 */
export function setwiseProgram(settings: SetwiseSettings = {}): RerankProgram<SetwiseQuestion, SetwiseAnswer> {
  const checked = checkedSetwise(settings)
  const { algorithm, children, top } = checked
  const sort = algorithm === "heapsort" ? heapsort : bubbleSort
  return sortingProgram((count, settled, random) => {
    const best = (contenders: readonly number[]) => vote(contenders, checked, random)
    return sort<SetwiseQuestion, SetwiseAnswer>(count, settled, { children, top, best })
  })
}

/** The place of the document with most votes. Votes for what was not shown do not count. */
function* vote(
  contenders: readonly number[],
  { votes, shuffle }: Required<SetwiseSettings>,
  random: Random,
): Asking<SetwiseQuestion, SetwiseAnswer, number | undefined> {
  const questions = Array.from({ length: votes }, () => ({
    documents: shuffle ? random.shuffle(contenders) : contenders,
  }))
  const answers = yield questions
  if (answers.every((answer) => answer === undefined)) return undefined
  const counts = new Array<number>(contenders.length).fill(0)
  questions.forEach(({ documents }, at) => {
    const best: unknown = (answers[at] as Partial<SetwiseAnswer> | null | undefined)?.best
    const document = typeof best === "number" ? documents[best] : undefined
    if (document !== undefined) counts[contenders.indexOf(document)]!++
  })
  const most = Math.max(...counts)
  if (most === 0) return 0
  const winners = [...counts.keys()].filter((place) => counts[place] === most)
  return winners.length === 1 ? winners[0]! : winners[random.integer(winners.length)]!
}
