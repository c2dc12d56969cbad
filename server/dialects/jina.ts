/** Jina's form, which infinity, vLLM and llama.cpp speak too: `/v1/rerank` with `documents`. @module */
import { randomUUID } from "node:crypto"
import * as z from "zod"
import type { Dialect, RouteSpec } from "../http/route.js"
import {
  documentForm,
  errorForms,
  factsOf,
  plainRerank,
  type RerankRequest,
  rerankFields,
  tokensOf,
  warningsField,
  warningsOf,
} from "./shared.js"

const request = z.looseObject(rerankFields).meta({ id: "JinaRerankRequest" })

const response = z
  .object({
    object: z.literal("rerank"),
    id: z.string(),
    model: z.string(),
    created: z.int(),
    usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
    results: z.array(
      z.object({
        index: z.int(),
        relevance_score: z.number(),
        document: documentForm.optional(),
      }),
    ),
    warnings: warningsField,
  })
  .meta({ id: "JinaRerankResponse" })

export const handleJina: RouteSpec<RerankRequest, z.infer<typeof response>>["handle"] = async (
  input,
  caller,
  service,
) => {
  const { documents, returnDocuments, ...call } = plainRerank(input)
  const outcome = await service.rerank({ ...call, documents }, caller)
  const tokens = tokensOf(outcome)
  return {
    body: {
      object: "rerank",
      id: `rerank-${randomUUID()}`,
      model: outcome.model,
      created: Math.floor(Date.now() / 1000),
      usage: { prompt_tokens: outcome.usage.promptTokens, total_tokens: tokens },
      results: outcome.results.map(({ index, score }) => ({
        index,
        relevance_score: score,
        ...(returnDocuments ? { document: documents[index]! } : {}),
      })),
      ...warningsOf(outcome),
    },
    ...factsOf(outcome),
  }
}

/** `/rerank` is the infinity's and vLLM's path, `/reranking` llama.cpp's. */
const routes = ["/v1/rerank", "/rerank", "/v1/reranking", "/reranking"].map((path) => ({
  method: "post" as const,
  path,
  summary: "Rank documents by a query (Jina, infinity, vLLM, llama.cpp)",
  request,
  response,
  handle: handleJina,
}))

export const jina: Dialect = {
  name: "jina",
  summary: "Jina AI, infinity, llama.cpp",
  routes,
  ...errorForms(
    (_status, message, _requestId, problem) => ({
      detail: problem
        ? problem.issues.map(({ path, message }) => ({ type: "value_error", loc: ["body", ...path], msg: message }))
        : message,
    }),
    { invalid: 422 },
  ),
}
