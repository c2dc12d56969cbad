/** The one schema of pipeline files, put together from the registry. @module */
import * as z from "zod"
import {
  type InnerSchemas,
  type PartKind,
  type PartSpec,
  partDefinition,
  partNames,
  registryVersion,
} from "./registry.js"

/** A pipeline as plain data, every default in place. */
export interface PipelineSpec {
  readonly name?: string | undefined
  readonly retriever: PartSpec
  readonly stages: readonly PartSpec[]
}

interface Schemas extends InnerSchemas {
  readonly version: number
  readonly options: Readonly<Record<PartKind, ReadonlyMap<string, z.ZodType>>>
  readonly file: z.ZodType<{ pipeline: PipelineSpec }>
}

let schemas: Schemas | undefined

/** Made anew whenever a part was registered: zod's lazy schemas keep what they were first resolved to. */
function current(): Schemas {
  if (schemas?.version === registryVersion()) return schemas
  const made: { retriever?: z.ZodType<PartSpec>; stage?: z.ZodType<PartSpec> } = {}
  const inner: InnerSchemas = { retriever: z.lazy(() => made.retriever!), stage: z.lazy(() => made.stage!) }
  const options = { retriever: optionSchemas("retriever", inner), stage: optionSchemas("stage", inner) }
  const retriever = (made.retriever = partSchema("retriever", options.retriever))
  const stage = (made.stage = partSchema("stage", options.stage))
  const pipeline = z.strictObject({
    name: z.string().min(1).optional().describe("What reports call this pipeline."),
    retriever,
    stages: z.array(stage).default([]).describe("What happens to the ranking, in this order."),
  })
  schemas = { version: registryVersion(), retriever, stage, options, file: z.strictObject({ pipeline }) }
  return schemas
}

function optionSchemas(kind: PartKind, inner: InnerSchemas): Map<string, z.ZodType> {
  return new Map(partNames(kind).map((name) => [name, resolveOptions(kind, name, inner)]))
}

function resolveOptions(kind: PartKind, name: string, inner: InnerSchemas): z.ZodType {
  const { schema } = partDefinition(kind, name)!
  return typeof schema === "function" ? schema(inner) : schema
}

function partSchema(kind: PartKind, options: ReadonlyMap<string, z.ZodType>): z.ZodType<PartSpec> {
  const objects = [...options].map(([name, schema]) =>
    z.strictObject({ [name]: schema }).describe(partDefinition(kind, name)!.summary),
  )
  const alone = [...options.keys()].filter((name) => standsAlone(kind, name))
  // A bare name becomes what its schema makes of no options.
  const bare = z.enum(alone).transform((name) => ({ [name]: options.get(name)!.parse({}) }))
  const choices: z.ZodType[] = alone.length > 0 ? [bare, ...objects] : objects
  return z.union(choices as [z.ZodType, ...z.ZodType[]]) as z.ZodType<PartSpec>
}

/** Whether a part may be named without options. Parts inside it count as required, whatever they are. */
function standsAlone(kind: PartKind, name: string): boolean {
  const required = z.string() as unknown as z.ZodType<PartSpec>
  return resolveOptions(kind, name, { retriever: required, stage: required }).safeParse({}).success
}

/** The schema of a part's options. */
export function optionsSchema(kind: PartKind, name: string): z.ZodType {
  return current().options[kind].get(name)!
}

export function pipelineSchema(): z.ZodType<{ pipeline: PipelineSpec }> {
  return current().file
}

export function pipelineJsonSchema(): Record<string, unknown> {
  const { file, retriever, stage } = current()
  const names = z.registry<{ id: string }>()
  names.add(retriever, { id: "Retriever" })
  names.add(stage, { id: "Stage" })
  return { ...z.toJSONSchema(file, { io: "input", metadata: names }), title: "A Rankine pipeline" }
}
