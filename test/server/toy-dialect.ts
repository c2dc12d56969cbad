import * as z from "zod"
import type { Dialect } from "../../server/http/route.js"

/** A dialect made for tests: one route that reranks, and one that fails as it is told. */
export function toyDialect(name: string, field: string): Dialect {
  const error = (status: number, message: string, requestId: string) => ({
    status,
    body: { dialect: name, message, requestId },
  })
  return {
    name,
    summary: "for tests",
    routes: [
      {
        method: "post",
        path: "/rerank",
        summary: `rank ${field}`,
        request: z.object({ query: z.string(), [field]: z.array(z.string()) }),
        response: z.object({ dialect: z.string(), order: z.array(z.number()) }),
        accepts: (body) => typeof body === "object" && body !== null && field in body,
        async handle(input, caller, service) {
          const { query, [field]: texts } = input as Record<string, string & string[]>
          const outcome = await service.rerank(
            { query: query as string, documents: (texts as string[]).map((text) => ({ text })) },
            caller,
          )
          return {
            body: { dialect: name, order: outcome.results.map(({ index }) => index) },
            timings: outcome.timings,
            tokens: outcome.usage.promptTokens,
          }
        },
      },
    ],
    error: (thrown, requestId) =>
      error(
        { busy: 429, budget: 504, "not-found": 404, argument: 400 }[thrown.code as string] ?? 500,
        thrown.code,
        requestId,
      ),
    invalid: ({ message }, requestId) => error(422, message, requestId),
    refusal: (status, message, requestId) => error(status, message, requestId),
  }
}
