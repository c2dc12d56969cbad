import { readFile, rename, writeFile } from "node:fs/promises"
import { z } from "zod"
import { RankineError } from "../core/errors.js"

export const RESULT_SCHEMA = "rankine.result/1"

const count = z.number().int().nonnegative()
const amount = z.number().nonnegative()

/** result.json: what one benchmark run measured. Measures are not rounded; times are in the unit their name says. */
export const benchmarkResultSchema = z.object({
  schema: z.literal(RESULT_SCHEMA),
  dataset: z.object({
    name: z.string().min(1),
    split: z.string(),
    documents: count,
    queries: count,
    /** Queries with at least one judgement: those the means run over. */
    judgedQueries: count,
  }),
  /** The pipeline's name and every parameter: analyzer, model, k1, b and so on. */
  pipeline: z.looseObject({ name: z.string().min(1) }),
  measures: z.record(z.string(), z.number()),
  perQuery: z.record(z.string(), z.record(z.string(), z.number())),
  status: z.object({ ranked: count, partial: count, fallback: count, failed: count, unanswered: count }),
  warnings: z.array(z.object({ code: z.string(), count })),
  usage: z.object({
    calls: count,
    promptTokens: count,
    cachedTokens: count,
    completionTokens: count,
    truncated: count,
    repaired: count,
    seconds: amount,
  }),
  timings: z.object({
    loadSeconds: amount,
    indexSeconds: amount,
    querySeconds: amount,
    p50Ms: amount,
    p95Ms: amount,
    p99Ms: amount,
  }),
  /** One latency for each query, for the distribution in reports. */
  latenciesMs: z.array(amount).optional(),
  /** Everything from a query's text to its ranking counts. */
  queriesPerSecond: amount,
  peakMemoryBytes: count,
  versions: z.record(z.string(), z.string()),
  machine: z.record(z.string(), z.unknown()),
})

export type BenchmarkResult = z.infer<typeof benchmarkResultSchema>

/**
 * Checks that a value is a benchmark result; `source` names it in the message.
 * Throws `data` with every field that does not fit.
 */
export function parseResult(value: unknown, source: string): BenchmarkResult {
  const schema = (value as { schema?: unknown } | null | undefined)?.schema
  if (schema !== RESULT_SCHEMA)
    throw new RankineError(
      "data",
      schema === undefined
        ? `${source} is not a benchmark result (it has no "schema"); give a result.json that rankine bench wrote`
        : `${source} has the schema ${JSON.stringify(schema)}, this version reads ${RESULT_SCHEMA}; run the benchmark again`,
    )
  const parsed = benchmarkResultSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "result"}: ${message}`)
  const shown = problems.slice(0, 5).join("; ")
  const more = problems.length > 5 ? `; and ${problems.length - 5} more` : ""
  throw new RankineError("data", `${source} is not a complete benchmark result: ${shown}${more}`)
}

/** Reads result.json. Throws `not-found`, `storage`, or `data` when the content does not fit. */
export async function readResult(file: string): Promise<BenchmarkResult> {
  let text: string
  try {
    text = await readFile(file, "utf8")
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT")
      throw new RankineError("not-found", `${file} does not exist; give a result.json that rankine bench wrote`, {
        cause,
      })
    throw new RankineError("storage", `cannot read ${file}: ${(cause as Error).message}`, { cause })
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new RankineError("data", `${file} is not valid JSON: ${(cause as Error).message}`, { cause })
  }
  return parseResult(value, file)
}

/** Writes result.json whole or not at all. Throws `data` for a result that would not read back, `storage`. */
export async function writeResult(file: string, result: BenchmarkResult): Promise<void> {
  const text = `${JSON.stringify(parseResult(result, "the result"), null, 2)}\n`
  const temporary = `${file}.${process.pid}.tmp`
  try {
    await writeFile(temporary, text)
    await rename(temporary, file)
  } catch (cause) {
    throw new RankineError("storage", `cannot write ${file}: ${(cause as Error).message}`, { cause })
  }
}
