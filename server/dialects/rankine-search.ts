/** Rankings as our own dialect tells them. @module */
import { randomUUID } from "node:crypto"
import type { FilterExpression, Ranking } from "../../src/core/index.js"
import type { ServerEvent } from "../http/send-events.js"
import type { SearchCall, SearchOutcome } from "../indexes/search-service.js"
import type { RankingForm, SearchAnswer, SearchInput } from "./rankine-forms.js"

/** Of the order after each stage, at least. */
const TOLD_ORDER = 100

export function searchCallOf(input: SearchInput): SearchCall {
  return {
    index: input.index ?? undefined,
    queries: typeof input.query === "string" ? [input.query] : input.query,
    pipeline: input.pipeline ?? undefined,
    topK: input.top_k,
    // Its conditions are checked where they are compiled.
    filter: (input.filter ?? undefined) as FilterExpression | undefined,
    explain: input.explain ?? undefined,
    returnDocuments: input.return_documents ?? undefined,
  }
}

export function searchAnswerOf(outcome: SearchOutcome, input: SearchInput): SearchAnswer {
  const head = {
    id: randomUUID(),
    index: outcome.index,
    pipeline: outcome.pipeline,
    seconds: outcome.timings.total,
  }
  const rankings = outcome.rankings.map((ranking) => rankingForm(ranking, input))
  return typeof input.query === "string" ? { ...head, ...rankings[0]! } : { ...head, rankings }
}

/** `hits` for what retrieval found, `ranking` for each better order, `done` for the last. */
export async function* streamEventsOf(
  outcomes: AsyncIterable<SearchOutcome>,
  input: SearchInput,
): AsyncGenerator<ServerEvent> {
  let isFirst = true
  for await (const outcome of outcomes) {
    const event = outcome.rankings[0]!.final ? "done" : isFirst ? "hits" : "ranking"
    isFirst = false
    yield { event, data: searchAnswerOf(outcome, input) }
  }
}

function rankingForm({ hits, status, scoreKind, stages, warnings, usage }: Ranking, input: SearchInput): RankingForm {
  const withTexts = input.return_documents ?? true
  const told = Math.max(TOLD_ORDER, input.top_k)
  return {
    results: hits.map(({ id, score, document, span, explanation }, index) => ({
      id,
      rank: index + 1,
      score,
      ...(withTexts && document
        ? {
            document: {
              text: document.text,
              ...(document.title === undefined ? {} : { title: document.title }),
              ...(document.metadata === undefined ? {} : { metadata: { ...document.metadata } }),
              ...(document.fields === undefined ? {} : { fields: { ...document.fields } }),
            },
          }
        : {}),
      ...(span ? { span: [span[0], span[1]] as [number, number] } : {}),
      ...(explanation ? { explanation: { ...explanation } } : {}),
    })),
    status,
    score_kind: scoreKind,
    stages: stages.map(({ hits: order, ...stage }) => ({ ...stage, ...(order ? { hits: order.slice(0, told) } : {}) })),
    warnings: warnings.map(({ code, count, ids }) => ({ code, count, ...(ids ? { ids: [...ids] } : {}) })),
    usage: {
      calls: usage.calls,
      prompt_tokens: usage.promptTokens,
      cached_tokens: usage.cachedTokens,
      completion_tokens: usage.completionTokens,
      truncated: usage.truncated,
      repaired: usage.repaired,
    },
  }
}
