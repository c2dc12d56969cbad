/** The OpenAPI 3.1 document of the routes, made of the schemas that check their requests. @module */
import * as z from "zod"
import { createDocument, type ZodOpenApiPathsObject } from "zod-openapi"
import type { Dialect, RouteSpec } from "../http/route.js"

export interface Mounted {
  readonly dialect: Dialect
  /** Before its paths: `` at the root, `/tei` for a dialect alone. */
  readonly prefix: string
}

type Operation = NonNullable<ZodOpenApiPathsObject[string]["post"]>

/**
 * Describes the routes. Where several dialects share a path, the operation names all of them, and bodies and answers are any of theirs.
 *
 * @param keys whether an API key is needed
 */
export function openApiDocument(mounted: readonly Mounted[], version: string, keys: boolean): object {
  const byPath = new Map<string, Map<RouteSpec["method"], { dialect: Dialect; route: RouteSpec }[]>>()
  for (const { dialect, prefix } of mounted)
    for (const route of dialect.routes) {
      const path = prefix + route.path.replace(/:(\w+)/g, "{$1}")
      const methods = byPath.get(path) ?? new Map()
      byPath.set(path, methods)
      methods.set(route.method, [...(methods.get(route.method) ?? []), { dialect, route }])
    }
  const paths: ZodOpenApiPathsObject = {}
  for (const [path, methods] of byPath) {
    const item: Partial<Record<RouteSpec["method"], Operation>> = {}
    for (const [method, choices] of methods) item[method] = operation(choices)
    paths[path] = item
  }
  return createDocument({
    openapi: "3.1.1",
    info: {
      title: "Rankine",
      version,
      description: "Reranking, embedding and search, in the forms that clients of other services speak.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    paths,
    ...(keys
      ? {
          security: [{ key: [] }],
          components: { securitySchemes: { key: { type: "http" as const, scheme: "bearer" } } },
        }
      : {}),
  })
}

function operation(choices: readonly { readonly dialect: Dialect; readonly route: RouteSpec }[]): Operation {
  const names = choices.map(({ dialect }) => dialect.name)
  const { route } = choices[0]!
  const requests = choices.flatMap(({ route }) => route.request ?? [])
  const responses = choices.map(({ route }) => route.response)
  const type = route.stream ? "text/event-stream" : "application/json"
  const parameters = { ...(route.params ? { path: route.params } : {}), ...(route.query ? { query: route.query } : {}) }
  return {
    tags: names,
    summary: [...new Set(choices.map(({ route }) => route.summary))].join(" / "),
    ...(Object.keys(parameters).length > 0 ? { requestParams: parameters } : {}),
    ...(requests.length > 0
      ? { requestBody: { required: true, content: { "application/json": { schema: anyOf(requests) } } } }
      : {}),
    responses: {
      "200": { description: "The answer.", content: { [type]: { schema: anyOf(responses) } } },
      "4XX": { description: "The request cannot be answered; the body is the dialect's own form of an error." },
      "5XX": { description: "The server failed; the body is the dialect's own form of an error." },
    },
  } as Operation
}

function anyOf(schemas: readonly z.ZodType[]): z.ZodType {
  return schemas.length === 1 ? schemas[0]! : z.union(schemas as [z.ZodType, z.ZodType])
}
