import { addUsage, noUsage, RankineError, type RerankTask } from "../../src/core/index.js"
import { fingerprintOf } from "../../src/models/fingerprint.js"
import { distinctTexts, type EmbeddingModel } from "../../src/models/index.js"
import { type PairPrompts, type PromptRenderer, promptRenderer } from "../pointwise/pair-prompts.js"
import type { Answered, AskOptions, Oracle } from "../program/oracle.js"
import type { GroupwiseAnswer, GroupwiseQuestion } from "../program/questions.js"
import { type LowRankOptions, lowRankScores } from "./low-rank-scores.js"
import type { MakeSecondQuery } from "./second-query.js"

export interface LowRankOracleSettings extends Required<LowRankOptions> {
  readonly secondQuery: MakeSecondQuery | undefined
  readonly prompts: PairPrompts | undefined
}

/** An embedding model that scores documents by LoRe, against the second query where there is one. */
export class LowRankOracle implements Oracle<GroupwiseQuestion, GroupwiseAnswer> {
  readonly name: string
  readonly fingerprint: string
  readonly languages: readonly string[] | undefined
  readonly #texts: PromptRenderer

  constructor(
    private readonly model: EmbeddingModel,
    private readonly settings: LowRankOracleSettings,
  ) {
    const { dimensions, kernel, prompts } = settings
    this.name = `dq-lore(${model.name})`
    this.languages = model.languages
    this.#texts = promptRenderer(prompts ?? {})
    this.fingerprint = fingerprintOf("dq-lore", {
      model: model.fingerprint,
      dimensions,
      kernel,
      prompts: { ...prompts },
    })
  }

  async ask(
    task: RerankTask,
    questions: readonly GroupwiseQuestion[],
    options: AskOptions,
  ): Promise<Answered<GroupwiseAnswer>[]> {
    return Promise.all(questions.map((question) => this.#answer(task, question, options)))
  }

  /** By bytes; what it costs to make the second query is not known before. */
  mostTokens({ query, hits }: RerankTask, { documents }: GroupwiseQuestion): number {
    const texts = documents.map((position) => this.#texts.document(hits[position]!.document!).text)
    return [this.#texts.query(query), ...texts].reduce((sum, text) => sum + this.#tokensOf(text), 0)
  }

  describe(): Readonly<Record<string, unknown>> {
    const { model, settings, fingerprint } = this
    const { prompts, dimensions, kernel, secondQuery } = settings
    return {
      model: model.name,
      fingerprint,
      dimensions,
      kernel,
      secondQuery: secondQuery !== undefined,
      ...(prompts ? { prompts: { ...prompts } } : {}),
    }
  }

  #tokensOf(text: string): number {
    return Math.min(this.model.maxLength ?? Number.POSITIVE_INFINITY, Buffer.byteLength(text) + 2)
  }

  async #answer(
    task: RerankTask,
    { documents }: GroupwiseQuestion,
    options: AskOptions,
  ): Promise<Answered<GroupwiseAnswer>> {
    const { model, settings } = this
    const { query, hits } = task
    const begun = performance.now()
    const made = (await settings.secondQuery?.(query, hits, options)) ?? this.#texts.query(query)
    const second = typeof made === "string" ? { text: made } : made
    if (typeof second.text !== "string" || second.text.trim() === "")
      throw new RankineError(
        "argument",
        `secondQuery gave no text for query "${query.id}": return the query's text where there is none`,
      )
    const run = options.signal ? { signal: options.signal } : {}
    const texts = distinctTexts(documents.map((position) => this.#texts.document(hits[position]!.document!).text))
    const asked = await model.embed([second.text], "query", run)
    const read = await model.embed(texts.texts, "document", run)
    const scores = lowRankScores(
      asked.vectors[0]!,
      texts.places.map((place) => read.vectors[place]!),
      settings,
    )
    const cut = new Set(read.truncated)
    const truncated = documents.filter((_, at) => cut.has(texts.places[at]!))
    const usage = {
      ...noUsage,
      calls: 1,
      promptTokens: asked.tokens + read.tokens,
      cachedTokens: (asked.cached ?? 0) + (read.cached ?? 0),
      seconds: (performance.now() - begun) / 1000,
    }
    // Its seconds are within those that were measured here.
    const spent = second.usage ? addUsage(usage, { ...second.usage, seconds: 0 }) : usage
    return { answer: { scores: Array.from(scores) }, usage: spent, ...(truncated.length > 0 ? { truncated } : {}) }
  }
}
