/** Routes as data: what validates a request, answers it and describes it in OpenAPI is one object. @module */
import type * as z from "zod"
import type { RankineError } from "../../src/core/index.js"
import type { Caller, Service, Timings } from "../service-types.js"

/** The kind of content of problem details (RFC 9457). */
export const PROBLEM = "application/problem+json"

/** How an error looks to the client of a dialect. */
export interface ErrorAnswer {
  readonly status: number
  readonly body: unknown
  /** Default `application/json`. */
  readonly contentType?: string
}

/** What a handler answers with. */
export interface Answer<Body> {
  readonly body: Body
  /** Default 200. */
  readonly status?: number
  /** For the headers `x-total-time`, `x-queue-time`, `x-inference-time`. */
  readonly timings?: Timings
  /** For the headers and metrics. */
  readonly tokens?: number
  readonly truncated?: number
  /** What was cut, repaired or left undone, as `code: count`; for the header `x-warnings`, since not every form has a place for it. */
  readonly warnings?: readonly string[]
}

/** A request whose form is not what the route takes; every issue names its place. */
export interface InvalidRequest {
  readonly message: string
  readonly issues: readonly { readonly path: readonly (string | number)[]; readonly message: string }[]
}

export interface RouteSpec<Input = unknown, Output = unknown> {
  readonly method: "get" | "post" | "put" | "delete"
  /** Below the dialect's prefix, in Express's form: `/v1/rerank`, `/v1/indexes/:name/documents`. */
  readonly path: string
  /** One line for OpenAPI. */
  readonly summary: string
  /** Of the body; none for GET. */
  readonly request?: z.ZodType<Input>
  /** Of `:name` parameters in the path. */
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  readonly response: z.ZodType<Output>
  /** Whether a body at a path that several dialects share is this route's: `"texts" in body`. The first that says so answers. */
  accepts?(body: unknown): boolean
  handle(
    input: Input,
    caller: Caller,
    service: Service,
    params: Readonly<Record<string, string>>,
  ): Promise<Answer<Output>>
  /** In place of `handle`: events that are sent as they come (server-sent events). */
  stream?(
    input: Input,
    caller: Caller,
    service: Service,
    params: Readonly<Record<string, string>>,
  ): AsyncIterable<{ readonly event: string; readonly data: unknown }>
}

/** One way of speaking: its routes, and one table of errors. */
export interface Dialect {
  /** `tei`, `jina`, `cohere`, ...: also the prefix at which it stands alone, `/tei`. */
  readonly name: string
  readonly summary: string
  // Routes of different inputs stand in one list; each is called with what its own schema made.
  // biome-ignore lint/suspicious/noExplicitAny: a list of routes of unlike types has no other
  readonly routes: readonly RouteSpec<any, any>[]
  /** Errors of the work itself, by code. */
  error(error: RankineError, requestId: string): ErrorAnswer
  /** A body that does not fit. */
  invalid(problem: InvalidRequest, requestId: string): ErrorAnswer
  /** What happens before a route is reached, by status: 400 (no JSON), 401, 404, 405, 408, 413, 415, 429, 500. */
  refusal(status: number, message: string, requestId: string): ErrorAnswer
}
