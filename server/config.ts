/** The server's configuration: one file, checked whole before anything is loaded. @module */
import { readFile } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { parse } from "yaml"
import * as z from "zod"
import { RankineError } from "../src/core/index.js"

const settings = z
  .object({
    device: z.string().optional(),
    precision: z.string().optional(),
    threads: z.int().min(1).optional(),
    maxLength: z.int().min(1).optional(),
  })
  .strict()

const rerankerSchema = z
  .union([
    z.string().min(1),
    z.strictObject({ model: z.string().min(1), settings: settings.optional() }),
    z.strictObject({
      stage: z.union([z.string(), z.record(z.string(), z.unknown())]),
    }),
  ])
  .describe("A model's name or folder, or a stage of a pipeline.")

const embedderSchema = z.union([
  z.string().min(1),
  z.strictObject({ model: z.string().min(1), settings: settings.optional() }),
])

const stageSchema = z.union([z.string().min(1), z.record(z.string(), z.unknown())])

const pipelineSchema = z
  .union([
    z.array(stageSchema),
    z.strictObject({ description: z.string().optional(), stages: z.array(stageSchema).default([]) }),
  ])
  .transform((given) => (Array.isArray(given) ? { stages: given } : given))
  .describe("Stages as in pipeline files; { reranker: NAME } is a reranker of this server.")

const keySchema = z.strictObject({
  name: z.string().regex(/^[\w.-]{1,64}$/),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, "must be the key's SHA-256 in hexadecimal: printf %s KEY | sha256sum")
    .transform((hex) => hex.toLowerCase()),
  requestsPerMinute: z.int().min(1).optional(),
})

const limitsSchema = z
  .strictObject({
    bodyBytes: z
      .int()
      .min(1024)
      .default(32 * 2 ** 20)
      .describe("Of a body, after decompression."),
    requestSeconds: z.number().positive().max(86_400).default(60).describe("For an answer; after it the error is 504."),
    receiveSeconds: z.number().positive().max(3600).default(30).describe("For a request to arrive whole."),
    waitingTokens: z
      .int()
      .min(1)
      .default(2 ** 20)
      .describe("Of all rows that wait for one model; more is refused with 429."),
    connections: z.int().min(1).default(1024).describe("Open at once."),
    requestsPerMinute: z.int().min(1).optional().describe("Of a client without a limit of its own."),
  })
  .prefault({})

export const serverSchema = z.strictObject({
  host: z.string().min(1).default("127.0.0.1"),
  port: z.int().min(0).max(65_535).default(8080),
  rerankers: z.record(z.string().min(1), rerankerSchema).optional(),
  embedders: z.record(z.string().min(1), embedderSchema).optional(),
  pipelines: z
    .record(z.string().min(1), pipelineSchema)
    .optional()
    .describe("By name: stages that searches run after the index's own ranking; the first is the default."),
  data: z.string().min(1).optional().describe("The folder of indexes that change. Without it there are none."),
  indexes: z
    .record(z.string().min(1), z.string().min(1))
    .optional()
    .describe("By name: folders that `rankine index` wrote, to search in only."),
  retrievers: z
    .record(z.string().min(1), z.union([z.string(), z.record(z.string(), z.unknown())]))
    .optional()
    .describe("By name: what indexes may be made of, besides bm25, dense, sparse, hybrid and default."),
  keys: z.array(keySchema).default([]).describe("Without keys everybody may ask."),
  limits: limitsSchema,
  cors: z.array(z.string().min(1)).default([]).describe("Origins whose pages may ask, or *. Default: none."),
  trustProxy: z
    .union([z.boolean(), z.int().min(1), z.string()])
    .default(false)
    .describe("Whose X-Forwarded-For is believed."),
  log: z.enum(["silent", "error", "warn", "info", "debug"]).default("info"),
  playground: z.boolean().default(true),
  shutdownSeconds: z
    .number()
    .min(0)
    .max(3600)
    .default(30)
    .describe("For requests under way to end before the server closes."),
})

export type ServerConfig = z.infer<typeof serverSchema>
export type ServerInput = z.input<typeof serverSchema>

/**
 * Checks a configuration and fills in defaults: where it says nothing of rerankers, or of embedders, the embedded ones are served as `default`.
 *
 * @throws RankineError `configuration`, naming every mistake
 */
export function parseServerConfig(input: unknown, source = "server configuration"): ServerConfig {
  const result = serverSchema.safeParse(input ?? {})
  if (!result.success)
    throw new RankineError(
      "configuration",
      result.error.issues.map(({ path, message }) => `${source}: ${path.join(".") || "file"}: ${message}`).join("\n"),
    )
  const config = result.data
  const names = new Set(config.keys.map(({ name }) => name))
  if (names.size < config.keys.length)
    throw new RankineError("configuration", `${source}: keys: two of them have the same name`)
  const { rerankers = { default: "default" }, embedders = { default: "potion-base-4M" } } = config
  return { ...config, rerankers, embedders }
}

/** Reads a YAML or JSON file; `data` and `indexes` are relative to its folder. Throws `not-found`, `configuration`. */
export async function readServerConfig(file: string): Promise<ServerConfig> {
  let text: string
  try {
    text = await readFile(file, "utf8")
  } catch (cause) {
    throw new RankineError("not-found", `${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
  let input: unknown
  try {
    input = parse(text)
  } catch (cause) {
    throw new RankineError("configuration", `${file}: ${(cause as Error).message.split("\n")[0]}`, { cause })
  }
  const config = parseServerConfig(input, file)
  const place = (path: string) => resolve(dirname(file), path)
  return {
    ...config,
    ...(config.data === undefined ? {} : { data: place(config.data) }),
    ...(config.indexes
      ? { indexes: Object.fromEntries(Object.entries(config.indexes).map(([name, path]) => [name, place(path)])) }
      : {}),
  }
}
