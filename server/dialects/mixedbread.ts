/** Mixedbread: `/v1/reranking` with `input` and an answer in `data`. @module */
import * as z from "zod"
import type { Dialect, RouteSpec } from "../http/route.js"
import {
  errorForms,
  factsOf,
  hasKey,
  plainRerank,
  rerankFields,
  tokensOf,
  warningsField,
  warningsOf,
} from "./shared.js"

const request = z.looseObject(rerankFields).meta({ id: "MixedbreadRerankRequest" })

const response = z
  .object({
    object: z.literal("list"),
    model: z.string(),
    data: z.array(
      z.object({ index: z.int(), score: z.number(), input: z.string().optional(), object: z.literal("rank_result") }),
    ),
    usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
    top_k: z.int(),
    return_input: z.boolean(),
    warnings: warningsField,
  })
  .meta({ id: "MixedbreadRerankResponse" })

const rerank = (path: string): RouteSpec<z.infer<typeof request>, z.infer<typeof response>> => ({
  method: "post",
  path,
  summary: "Rank inputs by a query (Mixedbread)",
  request,
  response,
  accepts: (body) => hasKey(body, "input"),
  async handle(input, caller, service) {
    const { documents, returnDocuments, ...call } = plainRerank(input)
    const outcome = await service.rerank({ ...call, documents }, caller)
    const tokens = tokensOf(outcome)
    return {
      body: {
        object: "list",
        model: outcome.model,
        data: outcome.results.map(({ index, score }) => ({
          index,
          score,
          object: "rank_result",
          ...(returnDocuments ? { input: documents[index]!.text } : {}),
        })),
        usage: { prompt_tokens: outcome.usage.promptTokens, total_tokens: tokens },
        top_k: call.topN ?? documents.length,
        return_input: returnDocuments,
        ...warningsOf(outcome),
      },
      ...factsOf(outcome),
    }
  },
})

export const mixedbread: Dialect = {
  name: "mixedbread",
  summary: "Mixedbread",
  routes: [rerank("/v1/reranking"), rerank("/v1/rerank")],
  ...errorForms((status, message) => ({ type: "error", status, message, detail: message })),
}
