/** Voyage AI: `/v1/rerank` with `top_k` and an answer in `data`, and `/v1/embeddings`. @module */
import * as z from "zod"
import type { Dialect, RouteSpec } from "../http/route.js"
import { embeddings } from "./openai.js"
import { errorForms, factsOf, plainRerank, rerankFields, tokensOf, warningsField, warningsOf } from "./shared.js"

const request = z.looseObject(rerankFields).meta({ id: "VoyageRerankRequest" })

const response = z
  .object({
    object: z.literal("list"),
    data: z.array(z.object({ index: z.int(), relevance_score: z.number(), document: z.string().optional() })),
    model: z.string(),
    usage: z.object({ total_tokens: z.int() }),
    warnings: warningsField,
  })
  .meta({ id: "VoyageRerankResponse" })

const rerank: RouteSpec<z.infer<typeof request>, z.infer<typeof response>> = {
  method: "post",
  path: "/v1/rerank",
  summary: "Rank documents by a query (Voyage)",
  request,
  response,
  // At the root this path is Jina's.
  accepts: () => false,
  async handle(input, caller, service) {
    const { documents, returnDocuments, ...call } = plainRerank(input)
    const outcome = await service.rerank({ ...call, documents }, caller)
    const tokens = tokensOf(outcome)
    return {
      body: {
        object: "list",
        data: outcome.results.map(({ index, score }) => ({
          index,
          relevance_score: score,
          ...(returnDocuments ? { document: documents[index]!.text } : {}),
        })),
        model: outcome.model,
        usage: { total_tokens: tokens },
        ...warningsOf(outcome),
      },
      ...factsOf(outcome),
    }
  },
}

export const voyage: Dialect = {
  name: "voyage",
  summary: "Voyage AI",
  routes: [rerank, { ...embeddings, accepts: () => false }],
  ...errorForms((_status, message) => ({ detail: message })),
}
