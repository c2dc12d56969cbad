import { basename } from "node:path"
import { documentText, noUsage, RankineError, type RerankTask } from "../../src/core/index.js"
import { digestOfFiles, fingerprintOf } from "../../src/models/fingerprint.js"
import { type LocateOptions, locateModel, splitLocateOptions } from "../../src/models/locate.js"
import { refuseConstantScores } from "../../src/models/probe.js"
import { loadT5, type T5Settings } from "../../src/models/t5/load.js"
import { loadTokenizer } from "../../src/models/tokenizer.js"
import type { Oracle } from "../program/oracle.js"
import { ProgramReranker } from "../program/program-reranker.js"
import type { PairwiseAnswer, PairwiseQuestion } from "../program/questions.js"
import { DUOT5_TEMPLATE, duoReader } from "./duo-t5-prompt.js"
import type { PairwiseReranker } from "./pairwise.js"
import { checkedPairwise, type PairwiseSettings, pairwiseProgram } from "./pairwise-program.js"

export interface DuoT5ModelOptions extends T5Settings, LocateOptions {
  /** Most tokens of a prompt. Default: the tokenizer's own limit, else 512. */
  readonly maxLength?: number
  /** The prompt, with the places `{query}`, `{first}` and `{second}` between spaces. */
  readonly template?: string
  /** The words for "the first is more relevant" and for the opposite, one token each. Default `true` and `false`. */
  readonly answers?: readonly [first: string, second: string]
}

/** A T5 that compares two documents; it holds native memory until it is disposed of. */
export interface DuoT5Model extends Oracle<PairwiseQuestion, PairwiseAnswer>, AsyncDisposable {}

export interface DuoT5Options extends PairwiseSettings {
  /** Default: `duot5`. */
  readonly name?: string
  /** Queries that are worked on side by side. */
  readonly concurrency?: number
}

const DEFAULT_LENGTH = 512

/**
 * Loads an encoder-decoder that says how likely the first of two documents is the more relevant one: the softmax of true and false at the decoder's
 * first step. Only documents are cut to fit. A model that gives all pairs the same preference, or no number, is refused.
 *
 * @param nameOrPath a folder, or a name that `locateModel` finds
 * @throws RankineError as `loadMonoT5`
 * @see Pradeep et al., The Expando-Mono-Duo design pattern for text ranking with pretrained sequence-to-sequence models, 2021
 */
export async function loadDuoT5(nameOrPath: string, options: DuoT5ModelOptions = {}): Promise<DuoT5Model> {
  const [where, rest] = splitLocateOptions(options)
  const { maxLength: wanted, template = DUOT5_TEMPLATE, answers = ["true", "false"], ...settings } = rest
  const folder = await locateModel(nameOrPath, where)
  const tokenizer = await loadTokenizer(folder)
  const answerIds = answers.map((answer) => {
    const { ids } = tokenizer.encode(answer, { special: false })
    if (ids.length === 1 && ids[0] !== tokenizer.special.unk) return ids[0]!
    throw new RankineError(
      "argument",
      `the answer ${JSON.stringify(answer)} must be one token of this model's tokenizer, and is ${ids.length}: name the words that the ` +
        "model was trained to answer (answers)",
    )
  })
  if (answerIds.length !== 2 || answerIds[0] === answerIds[1])
    throw new RankineError("argument", `answers must be two different words, got ${JSON.stringify(answers)}`)
  const maxLength = wanted ?? tokenizer.maxLength ?? DEFAULT_LENGTH
  const read = duoReader(tokenizer, template, maxLength)
  const model = await loadT5(folder, { ...settings, output: { kind: "first", tokens: answerIds } })
  const name = basename(folder)

  const preferences = (logits: readonly Float32Array[]) =>
    logits.map((pair) => {
      const preference = 1 / (1 + Math.exp(pair[1]! - pair[0]!))
      if (Number.isNaN(preference))
        throw new RankineError("model", `${name} gives no number for a pair: load it with a higher precision`)
      return preference
    })
  const rowOf = ({ query, hits }: RerankTask, { first, second }: PairwiseQuestion) => {
    const texts = [first, second].map((position) =>
      documentText(hits[position]!.document!).replace(/\s+/gu, " ").trim(),
    )
    // A document cannot begin another one.
    const clean = texts.map((text) => text.replace(/\b(Document\s*[01])\s*:/giu, "$1 -"))
    const escaped = clean.filter((text, at) => text !== texts[at]).length
    return { ...read({ query: query.text, first: clean[0]!, second: clean[1]! }), escaped }
  }
  try {
    const described = { template, answers: [...answers], maxLength, precision: model.precision }
    const fingerprint = fingerprintOf("duot5", {
      checksum: model.checksum,
      files: await digestOfFiles(folder),
      answerIds,
      ...described,
    })
    const advice = "look whether the model was trained as duoT5, and to answer other words (answers)"
    await refuseConstantScores(
      name,
      async (pairs) =>
        preferences(
          await model.run(
            pairs.map(({ query, document }) => read({ query, first: document, second: "The library opens at nine." })),
          ),
        ),
      advice,
    )
    return {
      name,
      fingerprint,
      async ask(task, questions, { signal }) {
        const rows = questions.map((question) => rowOf(task, question))
        const started = performance.now()
        const answers = preferences(await model.run(rows, signal ? { signal } : {}))
        const seconds = (performance.now() - started) / 1000 / questions.length
        return questions.map(({ first, second }, at) => {
          const { ids, cut, escaped } = rows[at]!
          const truncated = [...(cut.first ? [first] : []), ...(cut.second ? [second] : [])]
          return {
            answer: { preference: answers[at]! },
            usage: { ...noUsage, calls: 1, promptTokens: ids.length, seconds },
            ...(truncated.length > 0 ? { truncated } : {}),
            ...(escaped > 0 ? { escaped } : {}),
          }
        })
      },
      mostTokens: (task, question) => rowOf(task, question).ids.length,
      describe: () => ({ model: name, fingerprint, ...described }),
      [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
    }
  } catch (thrown) {
    await model[Symbol.asyncDispose]()
    throw thrown
  }
}

/**
 * duoT5: of two documents the one wins that is preferred more where it is shown first. All pairs in both orders (the default) order by the sum of
 * mean preferences: put `top(50, ...)` around it, since N documents take N (N - 1) steps of the model; heapsort and sliding find the best
 * `top` with fewer. Scores are ordinal. Throws `argument` for options out of range; when reranking, as `ProgramReranker`.
 *
 * Source: Pradeep et al., "The Expando-Mono-Duo design pattern", 2021.
 */
export function duoT5(model: DuoT5Model, options: DuoT5Options = {}): PairwiseReranker {
  const { algorithm = "all-pairs", top, name = "duot5", concurrency } = options
  const checked = checkedPairwise({ algorithm, ...(top === undefined ? {} : { top }) })
  return new ProgramReranker(pairwiseProgram(checked, "probability"), model, {
    name,
    scoreKind: "ordinal",
    describe: { method: "duot5", ...checked },
    ...(concurrency === undefined ? {} : { concurrency }),
  })
}
