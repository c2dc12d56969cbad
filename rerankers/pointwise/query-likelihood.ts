import { noUsage, type RerankTask } from "../../src/core/index.js"
import { type LanguageModel, requireCapability } from "../../src/models/index.js"
import type { Answered, AskOptions } from "../program/oracle.js"
import type { PointwiseQuestion } from "../program/questions.js"
import { cutTokens, GenerationOracle, loadPrompt } from "../prompts/index.js"
import {
  fitPrompts,
  type LlmPointwiseOptions,
  type LlmPointwiseReranker,
  llmPointwise,
  pointwiseShown,
} from "./llm-options.js"
import type { PointwiseAnswer } from "./score-each.js"

/** Most tokens of a query, as the method has it. */
const QUERY_TOKENS = 128

/**
 * UPR: how likely the query is as a question about the document, the sum of the natural log-probabilities of its tokens after document and
 * request. Longer queries have lower sums, which changes nothing among the documents of one. The document stands first, so that a call's
 * prompts share only what comes before it. The kind of the scores is `logit`.
 *
 * Source: Sachan et al., "Improving Passage Retrieval with Zero-Shot Question Generation", EMNLP 2022, equation 2, in a form for decoders.
 * @throws RankineError `model` where the model does not give log-probabilities of texts, as most endpoints do not
 */
export async function upr(model: LanguageModel, options: LlmPointwiseOptions = {}): Promise<LlmPointwiseReranker> {
  requireCapability(model, "logLikelihood", "take a local model, or a vLLM endpoint")
  const prompt = await loadPrompt(options.prompt ?? "upr")
  const { maxLength = model.maxLength } = options
  // Room for tokens that come about where prompt and query meet.
  const half = maxLength === undefined ? QUERY_TOKENS : Math.max(1, Math.floor(maxLength / 2) - SPARE)
  const maxQueryTokens = Math.min(options.maxQueryTokens ?? QUERY_TOKENS, half)
  const fitted = fitPrompts(model, prompt, { ...options, maxQueryTokens }, { answer: maxQueryTokens + SPARE })
  const oracle = new LikelihoodOracle(
    fitted.model,
    prompt,
    pointwiseShown,
    () => ({ answer: undefined }),
    fitted.settings,
  )
  return llmPointwise(oracle, { name: "upr", scoreKind: "logit", describe: {} }, options)
}

const SPARE = 4

/** Reads the query behind the prompt instead of writing anything. */
class LikelihoodOracle extends GenerationOracle<PointwiseQuestion, PointwiseAnswer> {
  override async ask(
    task: RerankTask,
    questions: readonly PointwiseQuestion[],
    options: AskOptions,
  ): Promise<Answered<PointwiseAnswer>[]> {
    const { maxQueryTokens = QUERY_TOKENS } = this.settings
    const continuation = cutTokens(this.model, task.query.text.replace(/\s+/gu, " ").trim(), maxQueryTokens)
    const rendered = questions.map((question) => this.rendered(task, question))
    const likelihoods = await this.model.logLikelihood(
      rendered.map(({ input }) => ({ ...input, continuation })),
      options.signal ? { signal: options.signal } : {},
    )
    return likelihoods.map(({ logprob, usage, error }, at) => {
      if (error) throw error
      const { truncated, escaped } = rendered[at]!
      const known = Number.isFinite(logprob)
      return {
        answer: known ? logprob : undefined,
        usage: { ...noUsage, ...usage, calls: 1 },
        ...(truncated.length > 0 ? { truncated } : {}),
        ...(escaped > 0 ? { escaped } : {}),
        ...(known ? {} : { malformed: true }),
      }
    })
  }
}
