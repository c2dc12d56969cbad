/** Text Embeddings Inference: `/rerank` with `texts`, `/embed`, `/info`, `/health`. @module */
import * as z from "zod"
import { RankineError } from "../../src/core/index.js"
import { packageVersion } from "../../src/pipelines/environment.js"
import { outwardError } from "../http/outward-error.js"
import type { Dialect, ErrorAnswer, RouteSpec } from "../http/route.js"
import { factsOf, hasKey, MAX_INPUTS, plainRerank, type RerankRequest, rerankFields } from "./shared.js"

const STATUS: Readonly<Record<string, number>> = {
  argument: 422,
  configuration: 422,
  data: 422,
  "not-found": 404,
  busy: 429,
  budget: 504,
  aborted: 499,
  model: 424,
  dependency: 424,
  network: 424,
  internal: 500,
}

/** The names of TEI's own error types. */
const TYPES: Readonly<Record<number, string>> = {
  400: "Empty",
  404: "Validation",
  413: "Validation",
  422: "Validation",
  424: "Backend",
  429: "Overloaded",
  503: "Unhealthy",
  504: "Overloaded",
}

const rerank: RouteSpec<RerankRequest, unknown> = {
  method: "post",
  path: "/rerank",
  summary: "Rank texts by a query (TEI)",
  request: z.looseObject(rerankFields).meta({ id: "TeiRerankRequest" }),
  response: z
    .array(z.object({ index: z.int(), score: z.number(), text: z.string().optional() }))
    .meta({ id: "TeiRerankResponse" }),
  accepts: (body) => hasKey(body, "texts"),
  async handle(input, caller, service) {
    // TEI serves one model and has no field for it: a name that clients send anyway means nothing.
    const { returnDocuments, documents, ...call } = plainRerank(input)
    const outcome = await service.rerank({ ...call, documents, model: undefined }, caller)
    return {
      body: outcome.results.map(({ index, score }) => ({
        index,
        score,
        ...(returnDocuments ? { text: documents[index]!.text } : {}),
      })),
      ...factsOf(outcome),
    }
  },
}

const embedRequest = z
  .looseObject({
    inputs: z.union([z.string(), z.array(z.string()).max(MAX_INPUTS, `at most ${MAX_INPUTS} inputs in a request`)]),
    normalize: z.boolean().nullish().describe("Default true."),
    truncate: z.boolean().nullish().describe("Default false: a longer input is an error."),
    prompt_name: z.string().nullish().describe("`query` reads the inputs as queries, anything else as documents."),
    dimensions: z.int().min(1).nullish().describe("Only the model's own."),
  })
  .meta({ id: "TeiEmbedRequest" })

const embed: RouteSpec<z.infer<typeof embedRequest>, unknown> = {
  method: "post",
  path: "/embed",
  summary: "Vectors of texts (TEI)",
  request: embedRequest,
  response: z.array(z.array(z.number())).meta({ id: "TeiEmbedResponse" }),
  async handle({ inputs, normalize, truncate, prompt_name, dimensions }, caller, service) {
    const texts = typeof inputs === "string" ? [inputs] : inputs
    if (texts.length === 0) throw new RankineError("argument", "`inputs` cannot be empty", { details: { empty: true } })
    const outcome = await service.embed(
      {
        texts,
        side: prompt_name === "query" ? "query" : "document",
        normalize: normalize ?? true,
        truncate: truncate ?? false,
        dimension: dimensions ?? undefined,
      },
      caller,
    )
    return {
      body: outcome.vectors.map((vector) => Array.from(vector)),
      timings: outcome.timings,
      tokens: outcome.tokens,
      truncated: outcome.truncated.length,
    }
  },
}

const info: RouteSpec<unknown, unknown> = {
  method: "get",
  path: "/info",
  summary: "The models that are served (TEI)",
  response: z
    .looseObject({ model_id: z.string(), version: z.string(), max_client_batch_size: z.int() })
    .meta({ id: "TeiInfo" }),
  async handle(_input, _caller, { models }) {
    const first = models[0]
    return {
      body: {
        model_id: first?.name ?? "",
        model_sha: first?.fingerprint ?? null,
        model_dtype: first?.precision ?? "float32",
        model_type: first?.task === "embed" ? { embedding: { pooling: first.pooling ?? null } } : { reranker: {} },
        max_input_length: first?.maxLength ?? null,
        max_client_batch_size: MAX_INPUTS,
        auto_truncate: true,
        version: packageVersion(),
        docker_label: null,
        models,
      },
    }
  },
}

const health: RouteSpec<unknown, unknown> = {
  method: "get",
  path: "/health",
  summary: "Whether the models answer (TEI)",
  response: z.looseObject({ status: z.string() }).meta({ id: "Health" }),
  async handle(_input, caller, service) {
    try {
      await service.check(caller)
    } catch (thrown) {
      // A full queue is a sign of life.
      if (!(thrown instanceof RankineError && thrown.code === "busy"))
        return { status: 503, body: { status: "unhealthy", ...form(503, "unhealthy") } }
    }
    return { body: { status: "ok" } }
  },
}

function form(status: number, message: string) {
  return { error: message, error_type: TYPES[status] ?? (status >= 500 ? "Backend" : "Validation") }
}

function answer(status: number, message: string): ErrorAnswer {
  return { status, body: form(status, message) }
}

export const tei: Dialect = {
  name: "tei",
  summary: "Text Embeddings Inference",
  routes: [rerank, embed, info, health],
  error(error) {
    const { status, message } = outwardError(error, STATUS)
    return error.details.empty ? answer(400, message) : answer(status, message)
  },
  invalid: ({ message }) => answer(422, message),
  refusal: answer,
}
