/** Our own form: searches in indexes, their documents, pipelines. Errors are problem details (RFC 9457). @module */
import * as z from "zod"
import { type Answer, type Dialect, PROBLEM, type RouteSpec } from "../http/route.js"
import type { SearchService } from "../indexes/search-service.js"
import {
  changed,
  deleteRequest,
  documentsRequest,
  indexForm,
  indexParams,
  indexRequest,
  pipelineList,
  searchAnswer,
  searchRequest,
  streamRequest,
} from "./rankine-forms.js"
import { searchAnswerOf, searchCallOf, streamEventsOf } from "./rankine-search.js"
import { errorForms } from "./shared.js"

/** Titles of problems, by status. */
const titles: Readonly<Record<number, string>> = {
  400: "The request does not fit",
  401: "A key is needed",
  404: "There is no such thing",
  405: "This method is not offered here",
  408: "The request took too long to arrive",
  409: "There is another of this name",
  413: "The request is too large",
  415: "This kind of content is not understood",
  429: "Too much at a time",
  499: "The client left",
  502: "Another service failed",
  504: "The answer took too long",
  507: "The disk does not take it",
}

export function rankineDialect(search: SearchService): Dialect {
  const { indexes } = search
  const problem = errorForms(
    (status, message, requestId, invalid) => ({
      type: "about:blank",
      title: titles[status] ?? "Something went wrong in the server",
      status,
      detail: message,
      requestId,
      ...(invalid ? { errors: invalid.issues.map(({ path, message }) => ({ path: path.join("."), message })) } : {}),
    }),
    { contentType: PROBLEM },
  )
  return {
    name: "rankine",
    summary: "Rankine",
    routes: [
      route({
        method: "post",
        path: "/v1/search",
        summary: "Search in an index",
        request: searchRequest,
        response: searchAnswer,
        async handle(input, caller) {
          const outcome = await search.search(searchCallOf(input), caller)
          return { body: searchAnswerOf(outcome, input), timings: outcome.timings }
        },
      }),
      route({
        method: "post",
        path: "/v1/search/stream",
        summary: "Search in an index: first hits at once, then better and better rankings",
        request: streamRequest,
        response: searchAnswer,
        handle: () => Promise.reject(new Error("this route streams")),
        stream: (input, caller) => streamEventsOf(search.stream(searchCallOf(input), caller), input),
      }),
      route({
        method: "get",
        path: "/v1/pipelines",
        summary: "Pipelines of this server",
        response: pipelineList,
        handle: async () => ({
          body: {
            pipelines: search.pipelines.map(({ name, description, form }) => ({
              name,
              ...(description === undefined ? {} : { description }),
              stages: [...form],
            })),
          },
        }),
      }),
      route({
        method: "get",
        path: "/v1/indexes",
        summary: "Indexes of this server",
        response: z.object({ indexes: z.array(indexForm), writable: z.boolean(), retrievers: z.array(z.string()) }),
        handle: async () => ({
          body: { indexes: indexes.list(), writable: indexes.isWritable, retrievers: search.retrievers },
        }),
      }),
      route({
        method: "get",
        path: "/v1/indexes/:name",
        summary: "What an index is",
        params: indexParams,
        response: indexForm,
        handle: async (_input, _caller, _service, { name }) => ({ body: indexes.describe(name!) }),
      }),
      route({
        method: "put",
        path: "/v1/indexes/:name",
        summary: "Make an index",
        params: indexParams,
        request: indexRequest,
        response: indexForm,
        async handle({ retriever }, _caller, _service, { name }) {
          const isNew = await search.createIndex(name!, retriever)
          return { body: indexes.describe(name!), status: isNew ? 201 : 200 }
        },
      }),
      route({
        method: "delete",
        path: "/v1/indexes/:name",
        summary: "Remove an index with its documents",
        params: indexParams,
        response: changed,
        async handle(_input, _caller, _service, { name }) {
          const { documents = 0 } = indexes.describe(name!)
          await indexes.drop(name!)
          return { body: { index: name!, affected: documents, documents: 0 } }
        },
      }),
      ...(["put", "post"] as const).map((method) =>
        route({
          method,
          path: "/v1/indexes/:name/documents",
          summary:
            method === "put"
              ? "Replace all documents of an index"
              : "Add documents to an index, in place of those with their ids",
          params: indexParams,
          request: documentsRequest,
          response: changed,
          handle: ({ documents }, _caller, _service, { name }) =>
            change(name!, { kind: method === "put" ? "replace" : "add", documents }),
        }),
      ),
      route({
        method: "delete",
        path: "/v1/indexes/:name/documents",
        summary: "Delete documents of an index by id",
        params: indexParams,
        request: deleteRequest,
        response: changed,
        handle: ({ ids }, _caller, _service, { name }) => change(name!, { kind: "delete", ids }),
      }),
    ],
    ...problem,
    error(error, requestId) {
      if (error.details.conflict !== true) return problem.error(error, requestId)
      return problem.refusal(409, error.message, requestId)
    },
  }

  async function change(
    name: string,
    what: Parameters<SearchService["change"]>[1],
  ): Promise<Answer<z.infer<typeof changed>>> {
    const affected = await search.change(name, what)
    return { body: { index: name, affected, documents: indexes.describe(name).documents ?? 0 } }
  }
}

/** Gives a route the types of its own schemas. */
function route<Input, Output>(spec: RouteSpec<Input, Output>): RouteSpec<Input, Output> {
  return spec
}
