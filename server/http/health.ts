/** Liveness, readiness, metrics: for orchestrators, beside the dialects. @module */
import express, { type RequestHandler, type Router } from "express"
import { toRankineError } from "../../src/core/index.js"
import type { Metrics } from "../observe/metrics.js"
import type { Service } from "../service-types.js"

export interface HealthContext {
  readonly service: Service
  readonly metrics: Metrics
  /** Once it stops, the server is alive but not ready: balancers send no more requests. */
  readonly draining: AbortSignal
}

/** `/health/live` says that the process answers, `/health/ready` that a model does too. Neither needs a key. */
export function healthRoutes({ service, draining }: HealthContext): Router {
  const router = express.Router()
  router.get("/health/live", (_request, response) => {
    response.json({ status: "live" })
  })
  router.get("/health/ready", async (_request, response) => {
    if (draining.aborted) {
      response.status(503).json({ status: "draining" })
      return
    }
    try {
      await service.check({
        requestId: String(response.locals.requestId),
        client: "health",
        signal: draining,
        deadline: Date.now() + 10_000,
      })
      response.json({ status: "ready" })
    } catch (thrown) {
      const { code } = toRankineError(thrown)
      // A full queue is a sign of life: who is busy is ready, and taking it out of rotation would make the others busier.
      if (code === "busy") response.json({ status: "ready", busy: true })
      else response.status(503).json({ status: "unready", code })
    }
  })
  return router
}

export function metricsRoute(metrics: Metrics): RequestHandler {
  return async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.text())
  }
}
