import { type Description, describePart, type Reranker, type Retriever } from "../core/index.js"
import { parsePipeline } from "./parse.js"
import { registerBuiltInParts } from "./parts/index.js"
import { partDefinition } from "./registry.js"

/** A description as data and as an indented tree for people. */
export interface PipelineDescription {
  readonly json: Description
  readonly text: string
}

/** Describes a pipeline: one that was built, with all its parameters, or a declarative form, with its defaults. */
export function describePipeline(input: unknown): PipelineDescription {
  registerBuiltInParts()
  const json = isPart(input) ? describePart(input) : describeSpec(input)
  return { json, text: renderDescription(json) }
}

function isPart(input: unknown): input is Retriever | Reranker {
  return typeof input === "object" && input !== null && ("retrieve" in input || "rerank" in input)
}

function describeSpec(input: unknown): Description {
  const { name, retriever, stages } = parsePipeline(input)
  return {
    name: "pipeline",
    ...(name === undefined ? {} : { title: name }),
    retriever: describePartSpec(retriever),
    stages: stages.map(describePartSpec),
  }
}

/** `{ bm25: { k1: 0.9 } }` → `{ name: "bm25", k1: 0.9 }`, parts inside parts likewise. */
function describePartSpec(spec: unknown): unknown {
  if (typeof spec === "string") return { name: spec }
  const [name, options] = Object.entries(spec as object)[0]!
  if (typeof options !== "object" || options === null) return { name, value: options }
  const inner = Object.entries(options).map(([key, value]) => {
    if (key === "retrievers") return [key, (value as unknown[]).map(describePartSpec)]
    if (["stage", "primary", "secondary", "retriever"].includes(key)) return [key, describePartSpec(value)]
    return [key, value]
  })
  return { name, ...Object.fromEntries(inner) }
}

/** One line per part and parameter, parts inside parts indented. */
export function renderDescription(description: Description): string {
  return lines(description, "").join("\n")
}

function lines(description: Description, indent: string): string[] {
  const { name, ...parameters } = description
  const plain: string[] = []
  const nested: string[] = []
  for (const [key, value] of Object.entries(parameters)) {
    if (value === undefined) continue
    if (isDescription(value)) nested.push(`${indent}  ${key}:`, ...lines(value, `${indent}    `))
    else if (Array.isArray(value) && value.length > 0 && value.every(isDescription))
      nested.push(`${indent}  ${key}:`, ...value.flatMap((one) => lines(one, `${indent}    `)))
    else if (!(Array.isArray(value) && value.length === 0)) plain.push(`${key} ${show(value)}`)
  }
  const summary = partDefinition("retriever", name)?.summary ?? partDefinition("stage", name)?.summary
  const head = `${indent}${name}${plain.length > 0 ? ` (${plain.join(", ")})` : ""}`
  return [summary ? `${head}  # ${summary}` : head, ...nested]
}

/** An analyzer's spec has a name too, yet reads better in its line. */
function isDescription(value: unknown): value is Description {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false
  const { name } = value as { name?: unknown }
  return (
    typeof name === "string" &&
    (name === "pipeline" || Boolean(partDefinition("retriever", name) ?? partDefinition("stage", name)))
  )
}

function show(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value)
}
