import { addUsage, noUsage, RankineError, type RerankTask } from "../../src/core/index.js"
import type { Generation, GenerationRequest, LanguageModel, PromptPart, TokenScores } from "../../src/models/index.js"
import type { Answered, AskOptions } from "../program/oracle.js"
import type { PointwiseQuestion } from "../program/questions.js"
import { cutTokens, GenerationOracle, type Prompt, type PromptSettings } from "../prompts/index.js"
import { type AnswerTokens, answerLogs } from "./answer-tokens.js"
import { pointwiseShown } from "./llm-options.js"
import { continuedInput } from "./prompt-end.js"
import type { PointwiseAnswer } from "./score-each.js"
import { probabilityOf } from "./two-answers.js"

/** Tokens that closing the thoughts takes, kept free of thoughts. */
export const FORCED = 8

const CLOSE = "</think>"

/** Generates thoughts up to the answer, and reads how likely both answers were there. */
export class Rank1Oracle extends GenerationOracle<PointwiseQuestion, PointwiseAnswer> {
  constructor(
    model: LanguageModel,
    prompt: Prompt,
    private readonly tokens: AnswerTokens,
    settings: PromptSettings,
  ) {
    super(model, prompt, pointwiseShown, () => ({ answer: undefined }), settings)
  }

  override async ask(
    task: RerankTask,
    questions: readonly PointwiseQuestion[],
    options: AskOptions,
  ): Promise<Answered<PointwiseAnswer>[]> {
    const { model, settings, tokens } = this
    const { file } = this.prompt
    const run = options.signal ? { signal: options.signal } : {}
    const rendered = questions.map((question) => this.rendered(task, question))
    const requests = rendered.map(
      ({ input }, at): GenerationRequest => ({
        ...input,
        maxTokens: Math.max(1, this.room - FORCED),
        temperature: settings.temperature ?? file.temperature,
        stop: tokens.candidates.map((spelling) => CLOSE + spelling),
        logprobs: true,
        namedTokens: tokens.candidates,
        ...(model.capabilities.has("seed") ? { seed: (options.seed ?? 0) + at } : {}),
      }),
    )
    const generations = await model.generate(requests, run)
    for (const { error } of generations) if (error) throw error
    const answers = generations.map((generation) => this.#said(generation))
    const open = answers.flatMap((answer, at) => (answer === undefined ? [at] : []))
    const forced = new Map<number, TokenScores>()
    if (open.length > 0) {
      const prompts = open.map((at) => continuedInput(rendered[at]!.input, ...this.#closed(generations[at]!)))
      const scores = await model.scoreTokens(prompts, tokens.candidates, run)
      for (const [at, each] of scores.entries()) forced.set(open[at]!, each)
    }
    return answers.map((said, at) => {
      const { usage, escaped = 0 } = generations[at]!
      const scores = forced.get(at)
      if (scores?.error) throw scores.error
      const { truncated, escaped: own } = rendered[at]!
      const answer = scores ? probabilityOf(answerLogs(model.name, tokens, scores)).answer : said
      return {
        answer,
        usage: { ...addUsage({ ...noUsage, ...usage }, { ...noUsage, ...scores?.usage }), calls: 1 },
        ...(truncated.length > 0 ? { truncated } : {}),
        ...(own + escaped > 0 ? { escaped: own + escaped } : {}),
        ...(scores ? { malformed: true } : {}),
      }
    })
  }

  /** The probability of the first answer, where the model came to one and both are known there. */
  #said({ stopText, logprobs }: Generation): PointwiseAnswer {
    const last = logprobs?.at(-1)
    if (stopText === undefined || !last?.named) return undefined
    const { candidates } = this.tokens
    // A stop text that ends within a longer token, or in several, says nothing of the two.
    if (!candidates.includes(last.text)) return undefined
    if (last.named.some((log) => Number.isNaN(log)))
      throw new RankineError("model", `${this.model.name} gives no numbers: load it with a higher precision`)
    if (!last.named.every(Number.isFinite)) return undefined
    return probabilityOf(last.named).answer
  }

  /** What was thought, and its end. Read again it may be more tokens than were written: broken characters are. */
  #closed({ text, reasoning }: Generation): PromptPart[] {
    const thoughts = wholeThoughts(cutTokens(this.model, reasoning ?? text, Math.max(1, this.room - FORCED)))
    return [...(thoughts === "" ? [] : [{ text: thoughts }]), CLOSE]
  }
}

/** Thoughts up to where the model closed them, else up to their last whole sentence. */
export function wholeThoughts(text: string): string {
  const close = text.indexOf(CLOSE)
  if (close !== -1) return text.slice(0, close)
  const end = Math.max(text.lastIndexOf("."), text.lastIndexOf("!"), text.lastIndexOf("?"))
  return end === -1 ? text : text.slice(0, end + 1)
}
