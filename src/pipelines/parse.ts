import { readFile } from "node:fs/promises"
import { parseDocument } from "yaml"
import { RankineError } from "../core/errors.js"
import { builtInPipeline, pipelineNames } from "./built-in.js"
import { describeIssues } from "./issues.js"
import { registerBuiltInParts } from "./parts/index.js"
import type { PartKind, PartSpec } from "./registry.js"
import { optionsSchema, type PipelineSpec, pipelineSchema } from "./schema.js"
import { didYouMean } from "./suggest.js"

/**
 * Checks a pipeline and fills in its defaults. Takes a short name (`bm25`), YAML or JSON text, or plain data: `{ pipeline: { retriever, stages } }`
 * or only what stands inside. Throws `configuration`, naming every offending key, what is allowed there, and what was probably meant.
 */
export function parsePipeline(input: unknown, source?: string): PipelineSpec {
  if (typeof input === "string") {
    const text = input.trim()
    if (/^[a-z][a-z0-9-]*$/.test(text)) return namedPipeline(text)
    return parsePipeline(parseYaml(input, source), source)
  }
  const wrapped =
    isRecord(input) && !Object.hasOwn(input, "pipeline") && Object.hasOwn(input, "retriever")
      ? { pipeline: input }
      : input
  registerBuiltInParts()
  const schema = pipelineSchema()
  const result = schema.safeParse(wrapped)
  if (!result.success) {
    const prefix = source === undefined ? "" : `${source}: `
    const mistakes = [...new Set(describeIssues(result.error.issues, schema, wrapped))]
    throw new RankineError("configuration", mistakes.map((mistake) => prefix + mistake).join("\n"), {
      details: { mistakes },
    })
  }
  const { name, retriever, stages } = result.data.pipeline
  return { ...(name === undefined ? {} : { name }), retriever, stages }
}

function namedPipeline(name: string): PipelineSpec {
  const known = builtInPipeline(name)
  if (!known)
    throw new RankineError(
      "configuration",
      `there is no pipeline "${name}"${didYouMean(name, pipelineNames())}: use ${pipelineNames().join(", ")}, or a YAML or JSON file`,
    )
  return { ...parsePipeline(known, name), name }
}

/** Reads a pipeline from a short name, a YAML or JSON file, or plain data. Throws `not-found` and `storage` besides what `parsePipeline` throws. */
export async function loadPipeline(input: unknown): Promise<PipelineSpec> {
  if (typeof input !== "string" || (/^[a-z][a-z0-9-]*$/.test(input) && builtInPipeline(input) !== undefined))
    return parsePipeline(input)
  let text: string
  try {
    text = await readFile(input, "utf8")
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== "ENOENT")
      throw new RankineError("storage", `${input} cannot be read: ${(cause as Error).message}`, { cause })
    throw new RankineError(
      "not-found",
      `"${input}" is neither a file nor the name of a pipeline${didYouMean(input, pipelineNames())}: the names are ${pipelineNames().join(", ")}`,
      { cause },
    )
  }
  return parsePipeline(parseYaml(text, input), input)
}

/** JSON is YAML too, so one reader does for both. */
function parseYaml(text: string, source = "pipeline"): unknown {
  const document = parseDocument(text, { prettyErrors: true, uniqueKeys: true })
  const [error] = document.errors
  if (error) {
    const line = error.linePos?.[0]
    const place = line ? `${source}:${line.line}:${line.col}` : source
    throw new RankineError(
      "configuration",
      `${place}: ${error.message.split("\n")[0]!.replace(/ at line \d+, column \d+:?$/, "")}`,
      { cause: error },
    )
  }
  return document.toJS({ maxAliasCount: 100 })
}

/** A part named without options gets the options that its schema makes of nothing. */
export function withOptions(kind: PartKind, spec: PartSpec): PartSpec {
  if (typeof spec !== "string") return spec
  return { [spec]: optionsSchema(kind, spec).parse({}) }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
