/** A language model behind a prompt, as an oracle: by what it writes, or by how likely tokens are. @module */
import { noUsage, RankineError, type RerankTask } from "../../src/core/index.js"
import { fingerprintOf } from "../../src/models/fingerprint.js"
import type {
  ChatPrompt,
  Generation,
  GenerationRequest,
  LanguageModel,
  PromptInput,
  TokenScores,
} from "../../src/models/index.js"
import { type Answered, type AskOptions, type Oracle, QUERY } from "../program/oracle.js"
import type { Prompt, RenderedPrompt } from "./prompt.js"
import { cutTokens, type TaskTexts, type TextLimits, taskTexts } from "./task-texts.js"

/** What a question shows: positions among the task's hits in the order of their labels, and further places of the prompt. */
export interface Shown {
  readonly documents: readonly number[]
  readonly values?: Readonly<Record<string, string | number>>
  /** Instead of the labels of their places. */
  readonly labels?: readonly string[]
}

export interface Read<Answer> {
  readonly answer: Answer
  /** The answer had to be repaired, or nothing could be read from it. */
  readonly malformed?: boolean
}

/** Settings that win over those of the prompt's file. */
export interface PromptSettings extends TextLimits {
  readonly maxTokens?: number
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
}

interface Rendered {
  readonly input: PromptInput
  readonly escaped: number
  readonly truncated: readonly number[]
}

/** What both kinds share: rendering a question so that the model can read it. */
abstract class PromptedModel<Question> {
  readonly name: string
  readonly #texts = new WeakMap<RerankTask, TaskTexts>()

  constructor(
    readonly model: LanguageModel,
    readonly prompt: Prompt,
    protected readonly show: (question: Question, task: RerankTask) => Shown,
    protected readonly settings: PromptSettings,
    /** Most tokens of an answer. */
    protected readonly room: number,
  ) {
    for (const [name, value] of Object.entries({ ...settings, temperature: 1, topP: 1, topK: 1 }))
      if (value !== undefined && !(Number.isInteger(value) && value >= 1))
        throw new RankineError("argument", `${name} must be a whole number of at least 1, got ${value}`)
    this.name = `${prompt.name}(${model.name})`
  }

  get fingerprint(): string {
    const { model, prompt, settings } = this
    return fingerprintOf("prompted-model", { model: model.fingerprint, prompt: prompt.hash, settings: { ...settings } })
  }

  describe(): Readonly<Record<string, unknown>> {
    const { model, prompt, settings } = this
    return { model: model.name, fingerprint: model.fingerprint, ...prompt.describe(), ...settings }
  }

  mostTokens(task: RerankTask, question: Question): number {
    const { input } = this.rendered(task, question)
    return countTokens(this.model, input) + this.room
  }

  /** The question in words. Documents are cut evenly where the model could not read them all. */
  protected rendered(task: RerankTask, question: Question): Rendered {
    let texts = this.#texts.get(task)
    if (!texts) this.#texts.set(task, (texts = taskTexts(this.model, this.prompt, this.settings, task)))
    const { documents: positions, values, labels } = this.show(question, task)
    const documents = positions.map((position) => texts.document(position))
    const render = (limit: number) =>
      this.prompt.render({
        query: texts.query,
        ...(texts.instruction === undefined ? {} : { instruction: texts.instruction }),
        documents: documents.map((document, at) => ({
          ...document,
          text: cutTokens(this.model, document.text, limit),
          ...(labels ? { label: labels[at]! } : {}),
        })),
        ...(values ? { values } : {}),
      })
    let limit = Number.POSITIVE_INFINITY
    let made = render(limit)
    const { maxLength } = this.model
    if (maxLength !== undefined && this.model.capabilities.has("tokenizer")) {
      const most = maxLength - Math.min(this.room, Math.floor(maxLength / 2))
      // Where even the bytes fit, nothing need be counted.
      for (let attempt = 0; bytesOf(made) + 64 > most && attempt < 4; attempt++) {
        const over = countTokens(this.model, toInput(this.model, made)) - most
        if (over <= 0) break
        const lengths = documents.map(({ text }) => Math.min(limit, this.model.countTokens(text)))
        limit = evenLimit(lengths, over + 4 * attempt)
        if (limit < 1)
          throw new RankineError(
            "argument",
            `the prompt ${this.prompt.name} with ${documents.length} documents does not fit into the ${maxLength} tokens that ` +
              `${this.model.name} reads: show fewer at once, or take a model that reads more`,
          )
        made = render(limit)
      }
    }
    const truncated = positions.filter(
      (_, at) =>
        documents[at]!.cut ||
        (Number.isFinite(limit) &&
          cutTokens(this.model, documents[at]!.text, limit).length < documents[at]!.text.length),
    )
    if (texts.query !== task.query.text) truncated.unshift(QUERY)
    return { input: toInput(this.model, made), escaped: made.escaped, truncated }
  }
}

/** Asks a model to write, and reads what it wrote. */
export class GenerationOracle<Question, Answer> extends PromptedModel<Question> implements Oracle<Question, Answer> {
  /**
   * @param show what of the task a question shows
   * @param read what the model's words say; gives an answer for any words whatever
   */
  constructor(
    model: LanguageModel,
    prompt: Prompt,
    show: (question: Question, task: RerankTask) => Shown,
    private readonly read: (completion: string, question: Question, generation: Generation) => Read<Answer>,
    settings: PromptSettings = {},
  ) {
    super(model, prompt, show, settings, settings.maxTokens ?? prompt.file.maxTokens)
  }

  async ask(task: RerankTask, questions: readonly Question[], options: AskOptions): Promise<Answered<Answer>[]> {
    const { model, prompt, settings } = this
    const { file } = prompt
    const rendered = questions.map((question) => this.rendered(task, question))
    const topP = settings.topP ?? file.topP
    // What the file advises is left out where a model cannot do it; what was asked for is not.
    const topK = settings.topK ?? (model.capabilities.has("topK") ? file.topK : undefined)
    const most = model.maxLength === undefined ? this.room : Math.min(this.room, Math.floor(model.maxLength / 2))
    const requests = rendered.map(
      ({ input }, index): GenerationRequest => ({
        ...input,
        maxTokens: most,
        temperature: settings.temperature ?? file.temperature,
        ...(topP === undefined ? {} : { topP }),
        ...(topK === undefined ? {} : { topK }),
        ...(file.stop ? { stop: file.stop } : {}),
        // Equal questions of one round, such as votes, are to have answers of their own.
        ...(model.capabilities.has("seed") ? { seed: (options.seed ?? 0) + index } : {}),
      }),
    )
    const generations = await model.generate(requests, options.signal ? { signal: options.signal } : {})
    return generations.map((generation, index) => {
      const { answer, malformed } = this.read(generation.text, questions[index]!, generation)
      const { truncated, escaped } = rendered[index]!
      return answered(answer, malformed, generation, truncated, escaped)
    })
  }
}

/** Asks a model how likely tokens are as the next one. */
export class TokenOracle<Question, Answer> extends PromptedModel<Question> implements Oracle<Question, Answer> {
  /**
   * @param candidates tokens, or texts that are one token each; the same for every question, or as many as a question has documents
   * @param read what their scores say
   */
  constructor(
    model: LanguageModel,
    prompt: Prompt,
    show: (question: Question, task: RerankTask) => Shown,
    private readonly candidates: readonly (string | number)[],
    private readonly read: (scores: TokenScores, question: Question) => Read<Answer>,
    settings: PromptSettings = {},
  ) {
    super(model, prompt, show, settings, 1)
  }

  async ask(task: RerankTask, questions: readonly Question[], options: AskOptions): Promise<Answered<Answer>[]> {
    const rendered = questions.map((question) => this.rendered(task, question))
    const scores = await this.model.scoreTokens(
      rendered.map(({ input }) => input),
      this.candidates,
      options.signal ? { signal: options.signal } : {},
    )
    return scores.map((each, index) => {
      const { answer, malformed } = this.read(each, questions[index]!)
      const { truncated, escaped } = rendered[index]!
      return answered(answer, malformed, each, truncated, escaped)
    })
  }
}

function answered<Answer>(
  answer: Answer,
  malformed: boolean | undefined,
  { usage, escaped = 0, error }: Pick<Generation, "usage" | "escaped" | "error">,
  truncated: readonly number[],
  own: number,
): Answered<Answer> {
  if (error) throw error
  return {
    answer,
    usage: { ...noUsage, ...usage, calls: 1 },
    ...(truncated.length > 0 ? { truncated } : {}),
    ...(own + escaped > 0 ? { escaped: own + escaped } : {}),
    ...(malformed ? { malformed } : {}),
  }
}

/** As the model takes it: a conversation, or where it knows none its texts one below the other. */
export function toInput(model: LanguageModel, { messages, prefill, variables }: ChatPrompt): PromptInput {
  if (model.capabilities.has("chat"))
    return { messages, ...(prefill === undefined ? {} : { prefill }), ...(variables ? { variables } : {}) }
  const parts = messages.flatMap(({ content }, index) =>
    index === 0 ? [{ text: content }] : ["\n\n", { text: content }],
  )
  return { prompt: [...parts, "\n", ...(prefill === undefined ? [] : [prefill])] }
}

/** Tokens of a prompt; where the model's tokenizer is not at hand, no fewer than there can be. */
function countTokens(model: LanguageModel, input: PromptInput): number {
  const text =
    "messages" in input
      ? model.capabilities.has("chatTemplate")
        ? model.renderChat(input)
        : input.messages.map(({ content }) => content).join("\n")
      : typeof input.prompt === "string"
        ? input.prompt
        : input.prompt.map((part) => (typeof part === "object" ? part.text : String(part))).join("")
  return model.capabilities.has("tokenizer") ? model.countTokens(text) : Buffer.byteLength(text)
}

function bytesOf({ messages }: RenderedPrompt): number {
  return messages.reduce((sum, { content }) => sum + Buffer.byteLength(content) + 32, 0)
}

/** The limit that shortens lengths by `over` in all, the longest first; below 1 where they cannot be shortened so far. */
function evenLimit(lengths: readonly number[], over: number): number {
  const target = lengths.reduce((sum, length) => sum + length, 0) - over
  if (target < lengths.length) return 0
  const sorted = [...lengths].sort((left, right) => left - right)
  let rest = target
  for (const [index, length] of sorted.entries()) {
    const share = Math.floor(rest / (sorted.length - index))
    if (length > share) return share
    rest -= length
  }
  return sorted.at(-1) ?? 0
}
