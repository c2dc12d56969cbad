import {
  type Description,
  Random,
  RankineError,
  type Ranking,
  type Reranker,
  type RerankProgram,
  type RunOptions,
  type ScoreKind,
  type Standing,
  throwIfAborted,
  toRankineError,
} from "../../src/core/index.js"
import { checkBudget } from "../budget.js"
import { mapConcurrently } from "./map-concurrently.js"
import type { Answered, Oracle } from "./oracle.js"
import { ProgramWork } from "./program-work.js"

export interface ProgramRerankerOptions {
  readonly name: string
  /** Of the scores, where the program gives any. */
  readonly scoreKind: ScoreKind
  /** The program's parameters. */
  readonly describe?: Readonly<Record<string, unknown>>
  /** Queries that are worked on side by side. Default 32. */
  readonly concurrency?: number
  /** Questions of a round that are answered between two rankings of a stream, or between two looks at the clock. Default 16. */
  readonly chunk?: number
}

/** Questions asked at once where time is limited and their pace is not known yet. */
const FIRST = 4

/**
 * Reranks by a program whose questions an oracle answers. Queries run side by side, each at its own pace; the oracle batches what is
 * asked at the same time.
 *
 * Ordered documents come first, those that the program left out follow in the order in which they came in, hits without texts last. A call of
 * the budget is one question. A budget that ends leaves status `partial` with the best order known; what was cut is in the warning `truncated`,
 * what looked like a part of the prompt in `escaped`, answers that could not be taken as they were in `repaired`.
 *
 * Throws, or marks as `options.onError` says: `model` where the model fails, `argument` where no hit has its document.
 */
export class ProgramReranker<Question, Answer> implements Reranker {
  readonly name: string
  readonly needs = "text"

  constructor(
    readonly program: RerankProgram<Question, Answer>,
    readonly oracle: Oracle<Question, Answer>,
    private readonly options: ProgramRerankerOptions,
  ) {
    const { concurrency = 32, chunk = 16 } = options
    for (const [name, value] of Object.entries({ concurrency, chunk }))
      if (!Number.isInteger(value) || value < 1)
        throw new RankineError("argument", `${name} must be a whole number of at least 1, got ${value}`)
    this.name = options.name
  }

  async rerank(rankings: readonly Ranking[], options: RunOptions = {}): Promise<Ranking[]> {
    return this.#all(rankings, options, undefined)
  }

  /** After each answer that changes what is known a ranking of its query; a query's last one is final. */
  async *stream(rankings: readonly Ranking[], options: RunOptions = {}): AsyncGenerator<Ranking> {
    const waiting: Ranking[] = []
    let wake = () => {}
    let done = false
    const stop = new AbortController()
    const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
    const running = this.#all(rankings, { ...options, signal }, (ranking) => {
      waiting.push(ranking)
      wake()
    }).finally(() => {
      done = true
      wake()
    })
    // Its failure is thrown below, after what was ranked before it.
    running.catch(() => {})
    try {
      while (true) {
        while (waiting.length > 0) yield waiting.shift()!
        if (done) break
        await new Promise<void>((resolve) => {
          wake = resolve
          if (done || waiting.length > 0) resolve()
        })
      }
      await running
    } finally {
      // Who leaves the loop stops the model.
      stop.abort()
      await running.catch(() => {})
    }
  }

  describe(): Description {
    return { ...this.oracle.describe(), ...this.options.describe, name: this.options.name }
  }

  async #all(
    rankings: readonly Ranking[],
    options: RunOptions,
    emit: ((ranking: Ranking) => void) | undefined,
  ): Promise<Ranking[]> {
    const { signal, onError = "throw", onProgress, budget = {} } = options
    throwIfAborted(signal)
    checkBudget(budget)
    let done = 0
    return mapConcurrently(rankings, this.options.concurrency ?? 32, signal, async (ranking, stop) => {
      let result: Ranking
      if (ranking.status === "failed") result = { ...ranking, final: true }
      else {
        const work = new ProgramWork(ranking, this.name, this.options.scoreKind, this.oracle.languages)
        let standing: Standing | undefined
        try {
          if (work.error) throw work.error
          if (!work.idle) standing = await this.#run(work, { ...options, signal: stop }, emit)
        } catch (thrown) {
          const error = toRankineError(thrown)
          if (onError === "throw" || error.code === "aborted") throw error
          work.error = error
        }
        result = work.toRanking(standing, true, options.explain)
      }
      emit?.(result)
      onProgress?.({ stage: this.name, done: ++done, total: rankings.length, unit: "queries" })
      return result
    })
  }

  async #run(
    work: ProgramWork,
    options: RunOptions & { readonly signal: AbortSignal },
    emit: ((ranking: Ranking) => void) | undefined,
  ): Promise<Standing> {
    const { seed = 0 } = options
    const { task } = work
    const running = this.program(task, new Random(seed, `${this.name}/${task.query.id}`))
    let step = running.next()
    while (!step.done) {
      const { questions, standing } = step.value
      if (emit && work.usage.calls > 0) emit(work.toRanking(standing(), false, options.explain))
      const answers = await this.#answer(work, questions, options, emit !== undefined)
      work.ended = answers.length < questions.length
      step = running.next(questions.map((_, index) => answers[index]?.answer))
      if (work.ended) break
    }
    if (step.done) return step.value
    // Nothing more is asked: what the program makes of its last answers is the result.
    const last = step.value.standing()
    running.return(last)
    return last
  }

  /** Answers of the first questions, of all of them unless a budget ends. */
  async #answer(
    work: ProgramWork,
    questions: readonly Question[],
    options: RunOptions & { readonly signal: AbortSignal },
    streaming: boolean,
  ): Promise<Answered<Answer>[]> {
    const { budget = {}, signal, seed } = options
    const { maxSeconds } = budget
    const { chunk = 16 } = this.options
    const answers: Answered<Answer>[] = []
    while (answers.length < questions.length) {
      throwIfAborted(signal)
      let most = questions.length - answers.length
      if (streaming) most = Math.min(most, chunk)
      if (maxSeconds !== undefined) most = Math.min(most, this.#inTime(work, maxSeconds))
      const from = answers.length
      const count = work.affordable(
        most,
        (index) => this.oracle.mostTokens(work.task, questions[from + index]!),
        budget,
      )
      if (count === 0) break
      work.begin()
      const part = questions.slice(from, from + count)
      const given = await this.oracle.ask(work.task, part, { signal, ...(seed === undefined ? {} : { seed }) })
      if (given.length !== part.length)
        throw new RankineError(
          "internal",
          `${this.oracle.name} gave ${given.length} answers to ${part.length} questions`,
        )
      work.take(given)
      answers.push(...given)
    }
    return answers
  }

  /** Half of the time that is left is given out at once, by the pace so far. */
  #inTime(work: ProgramWork, maxSeconds: number): number {
    const { calls } = work.usage
    if (calls === 0) return FIRST
    return Math.max(1, Math.floor((maxSeconds - work.elapsed) / 2 / (work.elapsed / calls)))
  }
}
