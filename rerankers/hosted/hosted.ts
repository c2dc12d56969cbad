/** Rerankers that others host, behind one function. @module */
import { RankineError, type RerankProgram } from "../../src/core/index.js"
import { defaultBackOff } from "../../src/models/generation/endpoint/back-off.js"
import { ScoreBoard } from "../groupwise/score-board.js"
import { ProgramReranker } from "../program/program-reranker.js"
import type { GroupwiseAnswer, GroupwiseQuestion } from "../program/questions.js"
import type { HostedOptions } from "./hosted-options.js"
import { HostedOracle } from "./hosted-oracle.js"
import { type HostedProvider, type HostedProviderName, hostedProviders } from "./providers.js"

/**
 * Reranks by a hosted service: `cohere`, `jina`, `voyage` or `mixedbread`. Scores are matched by index; documents that an answer leaves out stay
 * below the scored ones in first-stage order, doubled and unknown indices are dropped, and both are counted in the warning `repaired`. Lists
 * longer than a request are sent in several, whose scores are comparable. A call of the budget is a request.
 *
 * Throws `argument` for options out of range and requests that the service finds wrong, `network` for a missing or refused key, an empty
 * account, a rate that stays exceeded and a service that cannot be reached, `model` for answers that make no sense; `onError: "mark"` marks
 * the query instead.
 *
 * ```ts
 * const reranker = hosted("cohere", { requestsPerMinute: 1000 })
 * const [ranking] = await reranker.rerank(rankings)
 * ```
 */
export function hosted(
  service: HostedProviderName,
  options: HostedOptions = {},
): ProgramReranker<GroupwiseQuestion, GroupwiseAnswer> {
  const provider: HostedProvider | undefined = Object.hasOwn(hostedProviders, service)
    ? hostedProviders[service]
    : undefined
  if (!provider)
    throw new RankineError(
      "argument",
      `service must be one of ${Object.keys(hostedProviders).join(", ")}, got ${String(service)}`,
    )
  const {
    maxDocuments = provider.maxDocuments,
    concurrency = 4,
    timeout = 60,
    requestsPerMinute,
    tokensPerMinute,
  } = options
  if (!(Number.isInteger(maxDocuments) && maxDocuments >= 1 && maxDocuments <= provider.maxDocuments))
    throw new RankineError(
      "argument",
      `maxDocuments must be a whole number from 1 to ${provider.maxDocuments}, got ${maxDocuments}`,
    )
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw new RankineError("argument", `concurrency must be a whole number of at least 1, got ${concurrency}`)
  const backOff = { ...defaultBackOff, ...options.retry }
  if (!Number.isInteger(backOff.retries) || backOff.retries < 0)
    throw new RankineError("argument", `retry.retries must be a whole number of at least 0, got ${backOff.retries}`)
  const positive = {
    timeout,
    requestsPerMinute,
    tokensPerMinute,
    "retry.first": backOff.first,
    "retry.longest": backOff.longest,
  }
  for (const [name, value] of Object.entries(positive))
    if (value !== undefined && !(value > 0 && Number.isFinite(value)))
      throw new RankineError("argument", `${name} must be a number above 0, got ${value}`)
  const oracle = new HostedOracle(provider, { ...options, concurrency, timeout, backOff })
  return new ProgramReranker(requestProgram(maxDocuments), oracle, {
    name: options.name ?? `${service}(${oracle.model})`,
    scoreKind: "probability",
    describe: { method: "hosted", service, maxDocuments },
    // Requests are limited by the client; waiting queries cost nothing.
    concurrency: Math.max(32, concurrency),
  })
}

/** All documents in as few requests as the service allows, in first-stage order. */
function requestProgram(maxDocuments: number): RerankProgram<GroupwiseQuestion, GroupwiseAnswer> {
  return function* ({ hits }) {
    const board = new ScoreBoard(hits.length)
    const questions: GroupwiseQuestion[] = []
    for (let from = 0; from < hits.length; from += maxDocuments) {
      const length = Math.min(maxDocuments, hits.length - from)
      questions.push({ documents: Array.from({ length }, (_, at) => from + at) })
    }
    const answers = yield { questions, standing: () => board.standing() }
    answers.forEach((answer, index) => {
      questions[index]!.documents.forEach((document, at) => {
        const score = answer?.scores[at]
        if (score !== undefined) board.add(document, score)
      })
    })
    return board.standing()
  }
}
