/** What all pointwise rerankers by language models have in common. @module */
import { RankineError, type Ranking, type RunOptions, type ScoreKind } from "../../src/core/index.js"
import type { LanguageModel } from "../../src/models/index.js"
import type { Oracle } from "../program/oracle.js"
import { ProgramReranker, type ProgramRerankerOptions } from "../program/program-reranker.js"
import type { PointwiseQuestion } from "../program/questions.js"
import { type Prompt, toInput } from "../prompts/index.js"
import { modelView } from "./model-view.js"
import { promptText, tokensOf } from "./prompt-end.js"
import { type PointwiseAnswer, scoreEach } from "./score-each.js"

export interface LlmPointwiseOptions {
  /** Default: the method's name. */
  readonly name?: string
  /** A prompt's name, or the path of a YAML file with one of your own. Default: the method's. */
  readonly prompt?: string
  /** Most tokens that prompt and answer take together. Default: as many as the model reads, unless the method says less. */
  readonly maxLength?: number
  /** Most tokens of a document. Default: as many as fit. */
  readonly maxDocumentTokens?: number
  /** Most tokens of a query. Default: three quarters of `maxLength`. */
  readonly maxQueryTokens?: number
  /** Queries that are worked on side by side. */
  readonly concurrency?: number
  /** Documents of a query between two rankings of a stream. Default 16. */
  readonly chunk?: number
}

/** What is left to a document at least where a query is long, in tokens. */
const LEAST_DOCUMENT = 16

/** Of `maxLength`, the most that a query takes: the rule of mxbai-rerank-v2. */
const QUERY_SHARE = 3 / 4

/** Prompts are fitted by these: only texts are cut, never the words of the prompt. */
export interface FittedPrompt {
  readonly model: LanguageModel
  readonly settings: {
    readonly maxDocumentTokens?: number
    readonly maxQueryTokens?: number
    readonly maxTokens?: number
  }
  /** The prompt's text around a document, whose end counts. */
  readonly text: string
}

export interface FitForm {
  /** The method's own limit of prompt and answer, in tokens. */
  readonly maxLength?: number
  readonly completion?: boolean
  /** Most tokens of the answer; 0 where only scores are read. */
  readonly answer?: number
  /** Further places of the prompt. */
  readonly values?: Readonly<Record<string, string | number>>
}

/**
 * The limits of a method's texts with this model.
 * @throws RankineError `argument` for limits that are no whole numbers of at least 1, and where the prompt leaves no room for a document
 */
export function fitPrompts(
  given: LanguageModel,
  prompt: Prompt,
  options: LlmPointwiseOptions,
  { maxLength: own, completion = false, answer = 0, values = {} }: FitForm = {},
): FittedPrompt {
  const { maxDocumentTokens, maxLength } = options
  for (const [name, value] of Object.entries({
    maxLength,
    maxDocumentTokens,
    maxQueryTokens: options.maxQueryTokens,
  }))
    if (value !== undefined && !(Number.isInteger(value) && value >= 1))
      throw new RankineError("argument", `${name} must be a whole number of at least 1, got ${value}`)
  const model = modelView(given, { maxLength: maxLength ?? own, completion })
  const empty = prompt.render({ query: "", documents: [{ text: "" }], values })
  const text = promptText(model, toInput(model, empty))
  let maxQueryTokens = options.maxQueryTokens ?? prompt.file.maxQueryTokens
  let room = answer
  if (model.maxLength !== undefined) {
    // As much as prompts leave to answers where both cannot have all they want.
    room = Math.min(answer, Math.floor(model.maxLength / 2))
    const left = model.maxLength - tokensOf(model, text) - room
    if (left < LEAST_DOCUMENT)
      throw new RankineError(
        "argument",
        `the prompt ${prompt.name} leaves ${Math.max(0, left)} of ${model.maxLength} tokens to query and document: take a model that ` +
          "reads more (maxLength), or a shorter prompt (prompt)",
      )
    const most = Math.max(1, Math.min(Math.floor(QUERY_SHARE * model.maxLength), left - LEAST_DOCUMENT))
    maxQueryTokens = Math.min(maxQueryTokens ?? most, most)
  }
  return {
    model,
    text,
    settings: {
      ...(maxDocumentTokens === undefined ? {} : { maxDocumentTokens }),
      ...(maxQueryTokens === undefined ? {} : { maxQueryTokens }),
      ...(answer > 0 ? { maxTokens: room } : {}),
    },
  }
}

/** A reranker that asks about each document alone; its stream shows what is known after every chunk. */
export class LlmPointwiseReranker extends ProgramReranker<PointwiseQuestion, PointwiseAnswer> {
  readonly #chunked: ProgramReranker<PointwiseQuestion, PointwiseAnswer>

  constructor(oracle: Oracle<PointwiseQuestion, PointwiseAnswer>, options: ProgramRerankerOptions) {
    super(scoreEach(), oracle, options)
    this.#chunked = new ProgramReranker(scoreEach(options.chunk ?? 16), oracle, options)
  }

  override stream(rankings: readonly Ranking[], options: RunOptions = {}): AsyncGenerator<Ranking> {
    return this.#chunked.stream(rankings, options)
  }
}

/** The reranker of a method, with what all methods are told the same way. */
export function llmPointwise(
  oracle: Oracle<PointwiseQuestion, PointwiseAnswer>,
  method: {
    readonly name: string
    readonly scoreKind: ScoreKind
    readonly describe: Readonly<Record<string, unknown>>
  },
  { name = method.name, concurrency, chunk, maxLength }: LlmPointwiseOptions,
): LlmPointwiseReranker {
  return new LlmPointwiseReranker(oracle, {
    name,
    scoreKind: method.scoreKind,
    describe: {
      method: method.name,
      ...method.describe,
      scoreKind: method.scoreKind,
      ...(maxLength === undefined ? {} : { maxLength }),
    },
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(chunk === undefined ? {} : { chunk }),
  })
}

export const pointwiseShown = ({ document }: PointwiseQuestion) => ({ documents: [document] })
