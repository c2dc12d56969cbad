/** The options of an endpoint, checked. @module */
import { RankineError } from "../../../core/errors.js"
import type { Capability } from "../capabilities.js"
import type { TextCodec } from "../text-codec.js"
import { type BackOff, defaultBackOff } from "./back-off.js"
import type { HttpSettings } from "./http-client.js"
import { type ServerKind, type ServerTraits, servers } from "./servers.js"

export interface EndpointOptions {
  /** With the path that all requests share: `http://localhost:8000/v1`. */
  readonly baseUrl: string
  /** The endpoint's name of the model. */
  readonly model: string
  /** What kind of server it is, which says what it can do. Default `openai`, which most others understand. */
  readonly server?: ServerKind
  /** Instead of what servers of this kind can do. */
  readonly capabilities?: readonly Capability[]
  /** Most of the likeliest tokens that it names. Default: what servers of this kind do. */
  readonly topLogprobs?: number
  /** Default: the environment variable RANKINE_API_KEY; for api.openai.com, OPENAI_API_KEY before it. Never part of a message. */
  readonly apiKey?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Seconds without a byte after which a try is given up. Default 300. */
  readonly timeout?: number
  readonly retry?: Partial<BackOff>
  /** Requests at once. Default 8. */
  readonly concurrency?: number
  /** Most tokens of prompt and answer together, where it is known. */
  readonly maxLength?: number
  /**
   * The model's own tokenizer and chat template. With it conversations are rendered here and sent as tokens, exactly as a local model reads
   * them; texts can be counted and cut; special tokens in foreign text stay plain.
   */
  readonly codec?: TextCodec
  /** Without a codec: put a space into what looks like a special token in foreign text. Counted as `escaped`. Default true. */
  readonly escapeSpecialTokens?: boolean
  /** Added to every request's body, over what is there. */
  readonly extraBody?: Readonly<Record<string, unknown>>
}

export interface EndpointSettings {
  readonly http: HttpSettings
  readonly model: string
  readonly server: ServerKind
  readonly traits: ServerTraits
  readonly capabilities: ReadonlySet<Capability>
  readonly maxLength: number | undefined
  readonly codec: TextCodec | undefined
  readonly escapes: boolean
  readonly extraBody: Readonly<Record<string, unknown>>
}

/** Throws `argument` for an address or a number that makes no sense. */
export function checkEndpoint(options: EndpointOptions, env = process.env): EndpointSettings {
  const { server = "openai", concurrency = 8, timeout = 300, codec, model, topLogprobs } = options
  const baseUrl = addressOf(options.baseUrl)
  if (model.trim() === "") throw new RankineError("argument", "model is empty: give the endpoint's name of the model")
  const traits = servers[server]
  if (!traits)
    throw new RankineError(
      "argument",
      `server must be one of ${Object.keys(servers).join(", ")}, got ${String(server)}`,
    )
  const backOff = { ...defaultBackOff, ...options.retry }
  whole("concurrency", concurrency, 1)
  whole("retry.retries", backOff.retries, 0)
  if (topLogprobs !== undefined) whole("topLogprobs", topLogprobs, 1)
  for (const [name, value] of Object.entries({
    timeout,
    "retry.first": backOff.first,
    "retry.longest": backOff.longest,
  }))
    if (!(value > 0 && value < 1e6)) throw new RankineError("argument", `${name} must be seconds above 0, got ${value}`)
  const ofOpenAi = baseUrl.hostname === "api.openai.com" ? env.OPENAI_API_KEY : undefined
  const key = options.apiKey ?? (ofOpenAi || env.RANKINE_API_KEY || undefined)
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key))
    throw new RankineError("argument", "the API key is empty, or has spaces or line ends in it: copy it again")
  return {
    http: { baseUrl, key, headers: options.headers ?? {}, timeout, backOff, concurrency },
    model,
    server,
    traits:
      topLogprobs === undefined ? traits : { ...traits, topLogprobs: { chat: topLogprobs, completion: topLogprobs } },
    capabilities: new Set([...(options.capabilities ?? traits.capabilities), ...(codec ? ofCodec(codec) : [])]),
    maxLength: options.maxLength,
    codec,
    escapes: options.escapeSpecialTokens ?? true,
    extraBody: options.extraBody ?? {},
  }
}

function ofCodec({ chatTemplate }: TextCodec): Capability[] {
  return ["tokenizer", "tokenIds", "prefill", ...(chatTemplate ? (["chat", "chatTemplate"] as const) : [])]
}

function addressOf(text: string): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch (cause) {
    throw new RankineError("argument", `baseUrl is no address: ${text}; write it like http://localhost:8000/v1`, {
      cause,
    })
  }
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new RankineError("argument", `baseUrl must begin with http:// or https://, got ${url.protocol}`)
  if (url.username !== "" || url.password !== "")
    throw new RankineError(
      "argument",
      "baseUrl holds a password: give it as apiKey or in headers, which are never printed",
    )
  return url
}

function whole(name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least)
    throw new RankineError("argument", `${name} must be a whole number of at least ${least}, got ${value}`)
}
