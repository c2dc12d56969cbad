/** Routes of dialects as Express routes: validation, the answer's headers, and errors in the dialect's own form. @module */
import express, { type Request, type Response, type Router } from "express"
import type * as z from "zod"
import { RankineError, toRankineError } from "../../src/core/index.js"
import type { Service, Timings } from "../service-types.js"
import { callerOf, requestIdOf } from "./caller.js"
import { outwardError } from "./outward-error.js"
import { parseBody, refusalOf } from "./read-body.js"
import type { Answer, Dialect, ErrorAnswer, InvalidRequest, RouteSpec } from "./route.js"
import { sendEvents } from "./send-events.js"

/** What becomes of a request, for logs and metrics. */
export interface Outcome {
  readonly dialect: string
  readonly route: string
  readonly status: number
  /** Of the error, where there is one. */
  readonly code?: string
  readonly error?: RankineError
  readonly seconds: number
  readonly tokens?: number
  readonly truncated?: number
  readonly timings?: Timings
}

export interface MountContext {
  readonly service: Service
  /** How long an answer may take, in seconds. */
  readonly requestSeconds: number
  /** Fires when the server gives up on what is still under way. */
  readonly stopping: AbortSignal
  onOutcome?(outcome: Outcome, request: Request, response: Response): void
}

/** A dialect's own router, for its own prefix: `accepts` is not asked. */
export function dialectRouter(dialect: Dialect, context: MountContext): Router {
  const router = express.Router()
  for (const route of dialect.routes) mount(router, [{ dialect, route }], context)
  return router
}

/** All dialects in one router. Where paths collide, the body decides; see `RouteSpec.accepts`. */
export function rootRouter(dialects: readonly Dialect[], context: MountContext): Router {
  const router = express.Router()
  const shared = new Map<string, Choice[]>()
  for (const dialect of dialects)
    for (const route of dialect.routes) {
      const key = `${route.method} ${route.path}`
      const choices = shared.get(key)
      if (choices) choices.push({ dialect, route })
      else shared.set(key, [{ dialect, route }])
    }
  for (const choices of shared.values()) mount(router, choices, context)
  return router
}

interface Choice {
  readonly dialect: Dialect
  readonly route: RouteSpec
}

function mount(router: Router, choices: readonly Choice[], context: MountContext): void {
  const { method, path } = choices[0]!.route
  router[method](path, async (request, response) => {
    const begun = performance.now()
    const requestId = requestIdOf(response)
    let chosen = usual(choices)
    let answer: Answer<unknown> | undefined
    let text = ""
    let deadline: number | undefined
    let failure: { readonly answer: ErrorAnswer; readonly code: string; readonly error?: RankineError } | undefined
    try {
      const takesBody = choices.some(({ route }) => route.request)
      const body = takesBody ? parseBody(request.body) : undefined
      chosen = choices.length === 1 ? chosen : (choices.find(({ route }) => route.accepts?.(body)) ?? chosen)
      const { dialect, route } = chosen
      const input = validate(takesBody ? route.request : route.query, takesBody ? body : request.query)
      const params = validate(route.params, request.params)
      const problem = input.problem ?? params.problem
      if (problem) failure = { answer: dialect.invalid(problem, requestId), code: "invalid" }
      else {
        const caller = callerOf(request, response, context.requestSeconds, context.stopping)
        deadline = caller.deadline
        const values = (params.value ?? {}) as Record<string, string>
        if (route.stream) {
          const events = route.stream(input.value, caller, context.service, values)
          const error = await sendEvents(response, events, requestId, (error) => outwardError(error).message)
          context.onOutcome?.(
            { ...outcome(chosen, response.statusCode, begun), ...(error ? { code: error.code, error } : {}) },
            request,
            response,
          )
          return
        }
        answer = await route.handle(input.value, caller, context.service, values)
        // A NaN would become null: better no answer than a silent one.
        text = JSON.stringify(answer.body, refuseNaN)
      }
    } catch (thrown) {
      const refusal = refusalOf(thrown)
      if (refusal)
        failure = {
          answer: chosen.dialect.refusal(refusal.status, refusal.message, requestId),
          code: "refused",
        }
      else {
        const error = overdue(toRankineError(thrown), deadline)
        failure = { answer: chosen.dialect.error(error, requestId), code: error.code, error }
      }
    }
    if (failure) {
      if (!response.headersSent && !response.destroyed) sendError(response, failure.answer)
    } else if (answer && !response.destroyed) send(response, answer, text, begun)
    context.onOutcome?.(
      {
        ...outcome(chosen, failure?.answer.status ?? answer?.status ?? 200, begun),
        ...(failure ? { code: failure.code } : {}),
        ...(failure?.error ? { error: failure.error } : {}),
        ...(answer?.tokens === undefined ? {} : { tokens: answer.tokens }),
        ...(answer?.truncated === undefined ? {} : { truncated: answer.truncated }),
        ...(answer?.timings === undefined ? {} : { timings: answer.timings }),
      },
      request,
      response,
    )
  })
}

/** Work that was stopped since its time was over says so, whatever part of it noticed first. */
function overdue(error: RankineError, deadline: number | undefined): RankineError {
  if (error.code !== "aborted" || deadline === undefined || Date.now() < deadline) return error
  return new RankineError("budget", "the answer took longer than this server allows: ask for less", { cause: error })
}

/** The first that takes any body, else the last. */
function usual(choices: readonly Choice[]): Choice {
  return choices.find(({ route }) => !route.accepts) ?? choices.at(-1)!
}

function outcome({ dialect, route }: Choice, status: number, begun: number): Outcome {
  return { dialect: dialect.name, route: route.path, status, seconds: (performance.now() - begun) / 1000 }
}

function validate(
  schema: z.ZodType | undefined,
  given: unknown,
): { readonly value?: unknown; readonly problem?: InvalidRequest } {
  if (!schema) return { value: undefined }
  const result = schema.safeParse(given)
  if (result.success) return { value: result.data }
  const issues = result.error.issues.slice(0, 20).map(({ path, message }) => ({
    path: path.map((key) => (typeof key === "number" ? key : String(key))),
    message,
  }))
  const message = issues.map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`).join("; ")
  return { problem: { message, issues } }
}

function send(response: Response, answer: Answer<unknown>, text: string, begun: number): void {
  const { timings, tokens, truncated, warnings, status = 200 } = answer
  const header = (name: string, seconds: number | undefined) => {
    if (seconds !== undefined) response.setHeader(name, String(Math.round(seconds * 1000)))
  }
  header("x-total-time", (performance.now() - begun) / 1000)
  header("x-compute-time", timings?.total)
  header("x-queue-time", timings?.queue)
  header("x-inference-time", timings?.inference)
  if (tokens !== undefined) response.setHeader("x-compute-tokens", String(tokens))
  if (warnings && warnings.length > 0) response.setHeader("x-warnings", warnings.join(", "))
  if (truncated) response.setHeader("x-truncated", String(truncated))
  response.status(status).type("application/json").send(text)
}

/** Too much at a time may be tried again soon. */
export function sendError(response: Response, { status, body, contentType }: ErrorAnswer): void {
  if (status === 429 && !response.hasHeader("retry-after")) response.setHeader("retry-after", "1")
  response
    .status(status)
    .type(contentType ?? "application/json")
    .send(JSON.stringify(body))
}

function refuseNaN(_key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value))
    throw new RankineError("model", "the model gave a score that is no number")
  return value
}
