import type { BackOff } from "../../src/models/generation/endpoint/back-off.js"
import type { PairPrompts } from "../pointwise/pair-prompts.js"
import type { RateLimits } from "./rate-limit.js"

export interface HostedOptions extends RateLimits {
  /** Default: the service's model of general use. */
  readonly model?: string
  /** Default: the service's environment variable, such as COHERE_API_KEY. Never part of a message or a description. */
  readonly apiKey?: string
  /** Instead of the service's address. */
  readonly baseUrl?: string
  /** Documents of one request; at most what the service takes, which is the default. */
  readonly maxDocuments?: number
  /** Requests at once. Default 4. */
  readonly concurrency?: number
  /** Seconds for one try. Default 60. */
  readonly timeout?: number
  readonly retry?: Partial<BackOff>
  /** What is sent of queries and documents. Default: query; title and text. */
  readonly prompts?: PairPrompts
  /** Further fields of the request, such as `max_tokens_per_doc` of Cohere. */
  readonly extraBody?: Readonly<Record<string, unknown>>
  readonly name?: string
}
