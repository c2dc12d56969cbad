/** Parts of reranking programs, and how they are put together. @module */
import type { Random, RerankProgram } from "../../src/core/index.js"

/**
 * A part of a program: it yields questions that do not depend on each other, receives their answers in the same order, and returns what it
 * found out. An answer is `undefined` where a budget ended before the question was asked.
 */
export type Asking<Question, Answer, Result> = Generator<readonly Question[], Result, readonly (Answer | undefined)[]>

/** Runs parts that do not depend on each other side by side: what they ask at the same time is one round. Gives their results in order. */
export function* sideBySide<Question, Answer, Result>(
  parts: readonly Asking<Question, Answer, Result>[],
): Asking<Question, Answer, Result[]> {
  const results = new Array<Result>(parts.length)
  let steps = parts.map((part, index) => ({ part, index, step: part.next() }))
  for (;;) {
    const open: { part: (typeof parts)[number]; index: number; questions: readonly Question[] }[] = []
    for (const { part, index, step } of steps) {
      if (step.done) results[index] = step.value
      else open.push({ part, index, questions: step.value })
    }
    if (open.length === 0) return results
    const answers = yield open.flatMap(({ questions }) => questions)
    let from = 0
    steps = open.map(({ part, index, questions: { length } }) => {
      const own = answers.slice(from, from + length)
      from += length
      return { part, index, step: part.next(own) }
    })
  }
}

/**
 * A program out of a sort that puts documents into `settled` one by one, the best first: the order known at any time are those, and all others
 * keep their incoming order below.
 */
export function sortingProgram<Question, Answer>(
  sort: (count: number, settled: number[], random: Random) => Asking<Question, Answer, unknown>,
): RerankProgram<Question, Answer> {
  return function* ({ hits }, random) {
    const settled: number[] = []
    const standing = () => ({ order: [...settled] })
    const running = sort(hits.length, settled, random)
    let step = running.next()
    while (!step.done) step = running.next(yield { questions: step.value, standing })
    return standing()
  }
}
