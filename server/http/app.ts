/** The Express application: guards first, then the dialects, then errors in words. @module */
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from "express"
import helmet from "helmet"
import { toRankineError } from "../../src/core/index.js"
import type { ServerConfig } from "../config.js"
import { requireKey } from "../guard/api-keys.js"
import { crossOrigin } from "../guard/cors.js"
import { rateLimits } from "../guard/rate-limits.js"
import { type Log, logOutcome } from "../observe/log.js"
import type { Metrics } from "../observe/metrics.js"
import { type Mounted, openApiDocument } from "../openapi/document.js"
import { openApiPage, openApiStyle } from "../openapi/page.js"
import type { Service } from "../service-types.js"
import { requestIdOf, requestIds } from "./caller.js"
import { healthRoutes, metricsRoute } from "./health.js"
import { dialectRouter, type MountContext, type Outcome, rootRouter, sendError } from "./mount.js"
import { Refusal, readBytes, refusalOf } from "./read-body.js"
import { type Dialect, type ErrorAnswer, PROBLEM } from "./route.js"

export interface AppContext {
  readonly config: ServerConfig
  readonly service: Service
  readonly dialects: readonly Dialect[]
  readonly metrics: Metrics
  readonly log: Log
  readonly version: string
  /** Fires when no new work is wanted. */
  readonly draining: AbortSignal
  /** Fires when what is still under way is given up. */
  readonly stopping: AbortSignal
  /** Pages that need no key. */
  readonly pages?: express.Router
}

/** Everything that is served, as an application that also works as a router inside another one. */
export function createApp(context: AppContext): Express {
  const { config, service, dialects, metrics, log, version } = context
  const app = express()
  app.disable("x-powered-by")
  app.set("trust proxy", config.trustProxy)
  app.set("query parser", "simple")
  app.use(requestIds())
  app.set("etag", false)
  // Whether there is TLS is for the proxy in front to say; a page served in plain HTTP must not ask for HTTPS.
  app.use(
    helmet({
      strictTransportSecurity: false,
      contentSecurityPolicy: { directives: { "upgrade-insecure-requests": null, "style-src": ["'self'"] } },
    }),
  )
  app.use(crossOrigin(config.cors))
  app.use(healthRoutes(context))
  if (context.pages) app.use(context.pages)

  const observe = (outcome: Outcome, request: Request, response: Response) => {
    metrics.observe(outcome)
    logOutcome(log, outcome, request, requestIdOf(response), String(response.locals.client ?? ""))
  }
  const mount: MountContext = {
    service,
    requestSeconds: config.limits.requestSeconds,
    stopping: context.stopping,
    onOutcome: observe,
  }
  const mounted: Mounted[] = [
    ...dialects.map((dialect) => ({ dialect, prefix: "" })),
    ...dialects.map((dialect) => ({ dialect, prefix: `/${dialect.name}` })),
  ]
  const document = openApiDocument(mounted, version, config.keys.length > 0)
  app.get("/openapi.json", (_request, response) => {
    response.json(document)
  })
  app.get("/openapi", (_request, response) => {
    response.type("html").send(openApiPage(document))
  })
  app.get("/openapi.css", (_request, response) => {
    response.type("css").send(openApiStyle)
  })

  app.use(requireKey(config.keys))
  app.use(rateLimits(config.limits.requestsPerMinute))
  app.get("/metrics", metricsRoute(metrics))
  app.use(readBytes(config.limits.bodyBytes))
  for (const dialect of dialects) app.use(`/${dialect.name}`, dialectRouter(dialect, mount))
  app.use(rootRouter(dialects, mount))
  app.use((request) => {
    throw new Refusal(404, `there is nothing at ${request.method} ${request.path}: see /openapi`)
  })
  app.use(refuse(dialects, observe))
  return app
}

/** What went wrong outside of a route, in the words of the dialect that the path belongs to. */
function refuse(
  dialects: readonly Dialect[],
  observe: (outcome: Outcome, request: Request, response: Response) => void,
): ErrorRequestHandler {
  return (thrown: unknown, request, response, next) => {
    const requestId = requestIdOf(response)
    const dialect = dialectOf(dialects, request.path)
    const refusal = refusalOf(thrown)
    const error = refusal ? undefined : toRankineError(thrown)
    const answer = refusal
      ? (dialect?.refusal(refusal.status, refusal.message, requestId) ?? plain(refusal, requestId))
      : plain(new Refusal(500, "something went wrong in the server"), requestId)
    observe(
      {
        dialect: dialect?.name ?? "none",
        route: "none",
        status: answer.status,
        code: error?.code ?? "refused",
        ...(error ? { error } : {}),
        seconds: 0,
      },
      request,
      response,
    )
    if (response.headersSent) return next(thrown)
    sendError(response, answer)
  }
}

function dialectOf(dialects: readonly Dialect[], path: string): Dialect | undefined {
  const first = path.split("/")[1]
  return (
    dialects.find(({ name }) => name === first) ??
    dialects.find(({ routes }) => routes.some((route) => !route.path.includes(":") && route.path === path))
  )
}

/** Problem details (RFC 9457), where no dialect is meant. */
function plain({ status, message }: Refusal, requestId: string): ErrorAnswer {
  return { status, body: { type: "about:blank", title: message, status, requestId }, contentType: PROBLEM }
}
