/** OpenAI: `/v1/embeddings` and `/v1/models`. @module */
import * as z from "zod"
import { RankineError } from "../../src/core/index.js"
import type { Dialect, RouteSpec } from "../http/route.js"
import type { ServedModel } from "../service-types.js"
import { openAiErrors } from "./openai-errors.js"
import { MAX_INPUTS } from "./shared.js"

const request = z
  .looseObject({
    model: z.string().max(512).nullish(),
    input: z.union(
      [z.string(), z.array(z.string()).min(1, "is empty").max(MAX_INPUTS, `at most ${MAX_INPUTS} inputs in a request`)],
      "must be a string or a list of strings; lists of tokens are of another model's tokenizer",
    ),
    encoding_format: z.enum(["float", "base64"]).nullish(),
    dimensions: z.int().min(1).nullish().describe("Only the model's own."),
    output_dimension: z.int().min(1).nullish().describe("As dimensions, in Voyage's form."),
    output_dtype: z.literal("float", "only float is given").nullish().describe("Voyage's form of numbers."),
    truncation: z.boolean().nullish().describe("false: a text that is longer than the model reads is an error."),
    input_type: z.enum(["query", "document"]).nullish().describe("How the texts are read. Default `document`."),
  })
  .meta({ id: "EmbeddingsRequest" })

const response = z
  .object({
    object: z.literal("list"),
    data: z.array(
      z.object({
        object: z.literal("embedding"),
        index: z.int(),
        embedding: z.union([z.array(z.number()), z.string()]),
      }),
    ),
    model: z.string(),
    usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
  })
  .meta({ id: "EmbeddingsResponse" })

export const embeddings: RouteSpec<z.infer<typeof request>, z.infer<typeof response>> = {
  method: "post",
  path: "/v1/embeddings",
  summary: "Vectors of texts (OpenAI, Voyage)",
  request,
  response,
  async handle(request, caller, service) {
    const { model, input, encoding_format, dimensions, output_dimension, input_type, truncation } = request
    const texts = typeof input === "string" ? [input] : input
    const outcome = await service.embed(
      {
        model: model ?? undefined,
        texts,
        side: input_type ?? "document",
        truncate: truncation ?? true,
        dimension: dimensions ?? output_dimension ?? undefined,
      },
      caller,
    )
    return {
      body: {
        object: "list",
        data: outcome.vectors.map((vector, index) => ({
          object: "embedding",
          index,
          embedding: encoding_format === "base64" ? base64(vector) : Array.from(vector),
        })),
        model: outcome.model,
        usage: { prompt_tokens: outcome.tokens, total_tokens: outcome.tokens },
      },
      timings: outcome.timings,
      tokens: outcome.tokens,
      truncated: outcome.truncated.length,
    }
  },
}

/** Little-endian float32, as OpenAI's clients read it. */
function base64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4)
  for (const [at, value] of vector.entries()) bytes.writeFloatLE(value, at * 4)
  return bytes.toString("base64")
}

const modelForm = z
  .looseObject({
    id: z.string(),
    object: z.literal("model"),
    created: z.int(),
    owned_by: z.string(),
    tasks: z.array(z.string()).describe("rerank, embed: one name may stand for a model of each."),
    models: z.array(z.looseObject({ task: z.string() })).describe("What is known of each."),
  })
  .meta({ id: "Model" })

/** By name: a reranker and an embedding model may share one. */
function describe(models: readonly ServedModel[], created: number): z.infer<typeof modelForm>[] {
  return [...new Set(models.map(({ name }) => name))].map((id) => {
    const mine = models.flatMap(({ name, ...facts }) => (name === id ? [facts] : []))
    return { id, object: "model", created, owned_by: "rankine", tasks: mine.map(({ task }) => task), models: mine }
  })
}

const models: RouteSpec<unknown, unknown> = {
  method: "get",
  path: "/v1/models",
  summary: "The models that are served (OpenAI)",
  response: z.object({ object: z.literal("list"), data: z.array(modelForm) }).meta({ id: "Models" }),
  handle: async (_input, _caller, { models, since }) => ({
    body: { object: "list", data: describe(models, since) },
  }),
}

const oneModel: RouteSpec<unknown, unknown> = {
  method: "get",
  path: "/v1/models/:id",
  summary: "One model (OpenAI)",
  params: z.object({ id: z.string() }),
  response: modelForm,
  async handle(_input, _caller, { models, since }, { id }) {
    const found = describe(models, since).find((model) => model.id === id)
    if (!found)
      throw new RankineError("not-found", `there is no such model: use ${models.map(({ name }) => name).join(", ")}`)
    return { body: found }
  },
}

export const openai: Dialect = {
  name: "openai",
  summary: "OpenAI",
  routes: [embeddings, models, oneModel],
  ...openAiErrors,
}
