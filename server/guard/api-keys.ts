/** API keys: several, kept as hashes, compared in constant time. @module */
import { createHash, timingSafeEqual } from "node:crypto"
import type { RequestHandler } from "express"
import { Refusal } from "../http/read-body.js"

export interface ApiKey {
  readonly name: string
  /** Of the key, in lower-case hexadecimal. */
  readonly sha256: string
  readonly requestsPerMinute?: number | undefined
}

/**
 * Lets requests pass whose `Authorization: Bearer`, `api-key` or `x-api-key` header is one of the keys; the key's name becomes the client's.
 * Every key is compared, so that the time tells nothing. Without keys everybody passes.
 */
export function requireKey(keys: readonly ApiKey[]): RequestHandler {
  const hashes = keys.map((key) => ({ key, hash: Buffer.from(key.sha256, "hex") }))
  return (request, response, next) => {
    if (hashes.length === 0) return next()
    const bearer = /^bearer +(\S+)$/i.exec(request.get("authorization") ?? "")?.[1]
    const token = bearer ?? request.get("x-api-key") ?? request.get("api-key") ?? ""
    const given = createHash("sha256").update(token).digest()
    let found: ApiKey | undefined
    for (const { key, hash } of hashes) if (timingSafeEqual(hash, given)) found = key
    if (!found) {
      response.setHeader("www-authenticate", "Bearer")
      throw new Refusal(
        401,
        token === "" ? "an API key is needed: send it as Authorization: Bearer KEY" : "this API key is not known",
      )
    }
    response.locals.client = found.name
    response.locals.requestsPerMinute = found.requestsPerMinute
    next()
  }
}
