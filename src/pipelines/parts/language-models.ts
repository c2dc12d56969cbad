/** Language models in pipeline files: weights on this machine, or an endpoint. @module */
import * as z from "zod"
import { RankineError } from "../../core/index.js"
import type { EndpointOptions, LanguageModel, LoadLanguageModelOptions } from "../../models/index.js"
import { defined } from "./models.js"

const local = z.strictObject({
  path: z
    .string()
    .min(1)
    .describe("A folder of a checkpoint, a GGUF file, or a name among the models of this machine."),
  device: z.enum(["auto", "cpu", "cuda", "webgpu"]).optional(),
  precision: z
    .enum(["fp32", "fp16", "int8", "int8-weights", "int4-weights", "blocks"])
    .optional()
    .describe("Default: as the checkpoint has it."),
  threads: z.int().min(1).optional(),
  maxLength: z.int().min(2).optional().describe("Most tokens of prompt and answer; default: the model's own limit."),
})

const endpoint = z.strictObject({
  endpoint: z.string().min(1).describe("Address of an OpenAI-compatible server: http://localhost:8000/v1."),
  name: z.string().min(1).describe("The server's name of the model."),
  server: z.enum(["openai", "vllm", "llama.cpp"]).optional(),
  keyFrom: z.string().min(1).optional().describe("The environment variable that holds the API key."),
  concurrency: z.int().min(1).optional(),
  maxLength: z.int().min(2).optional(),
  tokenizer: z
    .string()
    .min(1)
    .optional()
    .describe("A folder with the model's tokenizer.json: texts can then be counted and cut."),
})

export const languageModelSchema = z
  .union([z.string().min(1), local, endpoint])
  .describe("A folder, file or name; or { path, precision, … }; or { endpoint, name, … }.")

export type LanguageModelSpec = z.infer<typeof languageModelSchema>

/** The model, loaded once for all stages that name it with the same settings. */
export async function openLanguageModel(spec: LanguageModelSpec): Promise<LanguageModel> {
  const { EndpointLanguageModel, loadLanguageModel, loadTextCodec, sharedModel } = await import("../../models/index.js")
  if (typeof spec === "string" || "path" in spec) {
    const { path, ...settings } = typeof spec === "string" ? { path: spec } : spec
    const options = defined(settings) as LoadLanguageModelOptions
    return sharedModel("language-model", path, options, () => loadLanguageModel(path, options))
  }
  const { endpoint: baseUrl, name: model, keyFrom, tokenizer, ...rest } = spec
  const apiKey = keyFrom === undefined ? undefined : process.env[keyFrom]
  if (keyFrom !== undefined && !apiKey)
    throw new RankineError("configuration", `the environment variable ${keyFrom}, which holds the API key, is not set`)
  const settings = defined(rest)
  return sharedModel("endpoint", `${baseUrl} ${model}`, { ...settings, keyFrom, tokenizer }, async () => {
    const codec = tokenizer === undefined ? undefined : await loadTextCodec(tokenizer)
    const options: EndpointOptions = {
      baseUrl,
      model,
      ...settings,
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(codec ? { codec } : {}),
    }
    return new EndpointLanguageModel(options)
  })
}
