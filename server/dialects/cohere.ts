/** Cohere's `/v2/rerank`, and `/v1/rerank` below its own prefix. @module */
import { randomUUID } from "node:crypto"
import * as z from "zod"
import type { Dialect, RouteSpec } from "../http/route.js"
import { documentForm, errorForms, factsOf, plainRerank, rerankFields, tokensOf, warningsOf } from "./shared.js"

const request = z
  .looseObject({
    ...rerankFields,
    max_chunks_per_doc: z.int().min(1).nullish().describe("Accepted; a document is read as one piece."),
    rank_fields: z.array(z.string()).nullish().describe("Accepted; title and text are read."),
  })
  .meta({ id: "CohereRerankRequest" })

const response = z
  .object({
    id: z.string(),
    results: z.array(
      z.object({
        index: z.int(),
        relevance_score: z.number(),
        document: documentForm.optional(),
      }),
    ),
    meta: z.object({
      api_version: z.object({ version: z.string() }),
      billed_units: z.object({ search_units: z.number() }),
      tokens: z.object({ input_tokens: z.number() }),
      warnings: z.array(z.string()).optional(),
    }),
    // vLLM's clients, which ask at the same path, look for these two.
    model: z.string(),
    usage: z.object({ total_tokens: z.int() }),
  })
  .meta({ id: "CohereRerankResponse" })

function route(path: string, version: string): RouteSpec<z.infer<typeof request>, z.infer<typeof response>> {
  return {
    method: "post",
    path,
    summary: "Rank documents by a query (Cohere)",
    request,
    response,
    ...(path === "/v1/rerank" ? { accepts: (body: unknown) => isCohereV1(body) } : {}),
    async handle(input, caller, service) {
      const { documents, returnDocuments, ...call } = plainRerank(input)
      const outcome = await service.rerank({ ...call, documents }, caller)
      const tokens = tokensOf(outcome)
      return {
        body: {
          id: randomUUID(),
          results: outcome.results.map(({ index, score }) => ({
            index,
            relevance_score: score,
            ...(returnDocuments ? { document: documents[index]! } : {}),
          })),
          meta: {
            api_version: { version },
            // A search unit is a query with up to a hundred documents.
            billed_units: { search_units: Math.ceil(documents.length / 100) },
            tokens: { input_tokens: tokens },
            ...warningsOf(outcome),
          },
          model: outcome.model,
          usage: { total_tokens: tokens },
        },
        ...factsOf(outcome),
      }
    },
  }
}

/** At the root Jina's form answers `/v1/rerank`, unless the request has a field that only Cohere's has. */
function isCohereV1(body: unknown): boolean {
  return typeof body === "object" && body !== null && ("rank_fields" in body || "max_chunks_per_doc" in body)
}

export const cohere: Dialect = {
  name: "cohere",
  summary: "Cohere",
  routes: [route("/v2/rerank", "2"), route("/v1/rerank", "1")],
  ...errorForms((_status, message, id) => ({ id, message })),
}
