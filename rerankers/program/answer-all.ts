import type { Random, Round, Standing } from "../../src/core/index.js"

/**
 * Runs a program to its end against a function, without a model: for tests of an algorithm, and for rollouts.
 *
 * @returns the last standing, and the questions of each round
 */
export function answerAll<Question, Answer, Task>(
  program: (task: Task, random: Random) => Generator<Round<Question>, Standing, readonly (Answer | undefined)[]>,
  task: Task,
  random: Random,
  answer: (question: Question) => Answer | undefined,
): { standing: Standing; rounds: (readonly Question[])[] } {
  const running = program(task, random)
  const rounds: (readonly Question[])[] = []
  let step = running.next()
  while (!step.done) {
    const { questions } = step.value
    rounds.push(questions)
    step = running.next(questions.map(answer))
  }
  return { standing: step.value, rounds }
}
