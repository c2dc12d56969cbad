import type { RerankTask } from "../../src/core/index.js"
import { fingerprintOf } from "../../src/models/fingerprint.js"
import type { Answered, AskOptions, Oracle } from "../program/oracle.js"
import { ProgramReranker } from "../program/program-reranker.js"
import type { PairwiseAnswer, PairwiseQuestion, PointwiseQuestion } from "../program/questions.js"
import { checkEcho, type EchoAnswer, type EchoQuestion, type EchoSettings, echoProgram } from "./echo-program.js"

export interface EchoRankOptions extends EchoSettings {
  readonly name?: string
  /** Queries side by side. */
  readonly concurrency?: number
}

/** Whatever is asked through an oracle: `yesNo(model)`, `pairwise(model)`. */
interface Asks<Question, Answer> {
  readonly name: string
  readonly oracle: Oracle<Question, Answer>
}

/**
 * Reranks within a budget of tokens: a cheap model judges as many documents as half of it allows, a better one compares neighbours with the
 * rest. Only an order comes out; documents beyond the budget stay below. The budget counts what questions may take at most.
 *
 * ```ts
 * const reranker = echoRank(await yesNo(small), await pairwise(large), { tokens: 4000 })
 * ```
 *
 * Throws `argument` for options out of range; otherwise as `ProgramReranker`.
 *
 * @param first a pointwise reranker whose scores are probabilities: 0.5 and more is yes
 * @param second a pairwise reranker, of which the questions are asked one by one
 */
export function echoRank(
  first: Asks<PointwiseQuestion, number | undefined>,
  second: Asks<PairwiseQuestion, PairwiseAnswer>,
  options: EchoRankOptions = {},
): ProgramReranker<EchoQuestion, EchoAnswer> {
  const settings = checkEcho(options)
  const oracle = new EitherOracle(first.oracle, second.oracle)
  const program = echoProgram((task, question) => oracle.mostTokens(task, question), settings)
  const { name = `echorank(${first.name}, ${second.name})`, concurrency } = options
  return new ProgramReranker(program, oracle, {
    name,
    scoreKind: "ordinal",
    describe: { method: "echorank", ...settings },
    ...(concurrency === undefined ? {} : { concurrency }),
  })
}

/** Questions about one document go to the first oracle, those about two to the second; a round has one kind. */
class EitherOracle implements Oracle<EchoQuestion, EchoAnswer> {
  readonly name: string
  readonly fingerprint: string
  readonly languages: readonly string[] | undefined

  constructor(
    private readonly single: Oracle<PointwiseQuestion, number | undefined>,
    private readonly pair: Oracle<PairwiseQuestion, PairwiseAnswer>,
  ) {
    this.name = `${single.name}, ${pair.name}`
    this.fingerprint = fingerprintOf("either", { single: single.fingerprint, pair: pair.fingerprint })
    this.languages = single.languages
  }

  async ask(
    task: RerankTask,
    questions: readonly EchoQuestion[],
    options: AskOptions,
  ): Promise<readonly Answered<EchoAnswer>[]> {
    const singles = questions.filter((question) => "document" in question)
    if (singles.length === questions.length) return this.single.ask(task, singles, options)
    return this.pair.ask(task, questions as readonly PairwiseQuestion[], options)
  }

  mostTokens(task: RerankTask, question: EchoQuestion): number {
    return "document" in question ? this.single.mostTokens(task, question) : this.pair.mostTokens(task, question)
  }

  describe(): Readonly<Record<string, unknown>> {
    return { first: this.single.describe(), second: this.pair.describe() }
  }
}
