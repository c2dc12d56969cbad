/** How often a client may ask. @module */
import type { RequestHandler } from "express"
import { ipKeyGenerator, rateLimit } from "express-rate-limit"
import { Refusal } from "../http/read-body.js"

/**
 * Counts requests by API key, else by address, in windows of a minute; a key's own limit goes before the general one. Tells the limits in the
 * `RateLimit` headers of the IETF draft, and 429 with `Retry-After` beyond them.
 */
export function rateLimits(requestsPerMinute: number | undefined): RequestHandler {
  return rateLimit({
    windowMs: 60_000,
    standardHeaders: "draft-8",
    legacyHeaders: false,
    keyGenerator: (request, response) => String(response.locals.client ?? ipKeyGenerator(request.ip ?? "")),
    limit: (_request, response) => Number(response.locals.requestsPerMinute ?? requestsPerMinute ?? 0),
    skip: (_request, response) => (response.locals.requestsPerMinute ?? requestsPerMinute) === undefined,
    handler: () => {
      throw new Refusal(429, "too many requests in this minute: ask again later")
    },
  })
}
