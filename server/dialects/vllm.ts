/** vLLM: `/score` for pairs of texts, and its rerank paths. @module */
import { randomUUID } from "node:crypto"
import * as z from "zod"
import { mapConcurrently } from "../../rerankers/program/map-concurrently.js"
import { RankineError } from "../../src/core/index.js"
import type { Dialect, RouteSpec } from "../http/route.js"
import { jina } from "./jina.js"
import { openAiErrors } from "./openai-errors.js"
import { factsOf, MAX_DOCUMENTS, promptLimit, rerankFields } from "./shared.js"

/** One list of pairs must not fill the queue by itself. */
const QUERIES_AT_ONCE = 16

const texts = z.union([z.string(), z.array(z.string()).min(1).max(MAX_DOCUMENTS)])

const request = z
  .looseObject({
    model: z.string().max(512).nullish(),
    text_1: texts.describe("One text, or one for each text of the other side."),
    text_2: texts.describe("As text_1."),
    truncate_prompt_tokens: rerankFields.truncate_prompt_tokens,
  })
  .meta({ id: "ScoreRequest" })

const response = z
  .object({
    id: z.string(),
    object: z.literal("list"),
    created: z.int(),
    model: z.string(),
    data: z.array(z.object({ index: z.int(), object: z.literal("score"), score: z.number() })),
    usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int(), completion_tokens: z.int() }),
  })
  .meta({ id: "ScoreResponse" })

const score = (path: string): RouteSpec<z.infer<typeof request>, z.infer<typeof response>> => ({
  method: "post",
  path,
  summary: "Scores of pairs of texts (vLLM)",
  request,
  response,
  async handle(input, caller, service) {
    const begun = performance.now()
    const { model, text_1, text_2 } = input
    const maxPromptTokens = promptLimit(input.truncate_prompt_tokens)
    const [left, right] = pairs(text_1, text_2)
    // Pairs of the same query are one call, so that what reads whole lists gives the same as for a rerank request.
    const byQuery = new Map<string, number[]>()
    for (const [at, query] of left.entries()) {
      const places = byQuery.get(query)
      if (places) places.push(at)
      else byQuery.set(query, [at])
    }
    const scores = new Array<number>(left.length)
    const outcomes = await mapConcurrently(
      [...byQuery],
      QUERIES_AT_ONCE,
      caller.signal,
      async ([query, places], signal) => {
        const documents = places.map((at) => ({ text: right[at]! }))
        const call = { model: model ?? undefined, query, documents, maxPromptTokens }
        const outcome = await service.rerank(call, { ...caller, signal })
        for (const { index, score } of outcome.results) scores[places[index]!] = score
        return outcome
      },
    )
    const facts = outcomes.map(factsOf)
    const sum = (of: (fact: (typeof facts)[number]) => number | undefined) =>
      facts.reduce((so, fact) => so + (of(fact) ?? 0), 0)
    const total = sum(({ tokens }) => tokens)
    const warnings = [...new Set(facts.flatMap(({ warnings = [] }) => warnings))]
    return {
      body: {
        id: `score-${randomUUID()}`,
        object: "list",
        created: Math.floor(Date.now() / 1000),
        model: outcomes[0]!.model,
        data: scores.map((score, index) => ({ index, object: "score", score })),
        usage: { prompt_tokens: total, total_tokens: total, completion_tokens: 0 },
      },
      tokens: total,
      truncated: sum(({ truncated }) => truncated),
      timings: {
        total: (performance.now() - begun) / 1000,
        queue: sum(({ timings }) => timings?.queue),
        inference: sum(({ timings }) => timings?.inference),
      },
      ...(warnings.length > 0 ? { warnings } : {}),
    }
  },
})

/** One text goes with every text of the other list; two lists go side by side. */
function pairs(left: string | readonly string[], right: string | readonly string[]): [string[], string[]] {
  const one = typeof left === "string" ? [left] : [...left]
  const two = typeof right === "string" ? [right] : [...right]
  if (one.length === two.length) return [one, two]
  if (one.length === 1) return [two.map(() => one[0]!), two]
  throw new RankineError(
    "argument",
    `text_1 has ${one.length} texts and text_2 ${two.length}: give one text_1, or lists of the same length`,
  )
}

export const vllm: Dialect = {
  name: "vllm",
  summary: "vLLM",
  routes: [
    score("/score"),
    score("/v1/score"),
    ...jina.routes.filter(({ path }) => path.endsWith("/rerank")),
    { ...jina.routes[0]!, path: "/v2/rerank" },
  ],
  ...openAiErrors,
}
