/** Which retrievers and stages a pipeline file may name; later parts add theirs here. @module */
import type * as z from "zod"
import {
  type Document,
  type DocumentStore,
  type OnProgress,
  RankineError,
  type Ranking,
  type Reranker,
  type Retriever,
} from "../core/index.js"

/** What parts are built with. */
export interface PipelineContext {
  /** The collection to index; may be called once by each retriever that builds an index. Absent where all indexes are loaded from disk. */
  readonly documents?: () => Iterable<Document> | AsyncIterable<Document>
  /** Texts by id, for pipelines whose retriever holds none. */
  readonly store?: DocumentStore
  /** Rankings that a data set brings, for the retriever `candidates`. */
  readonly candidates?: readonly Ranking[]
  /** Where relative paths of indexes begin. Default: the current directory. */
  readonly indexDirectory?: string
  readonly signal?: AbortSignal
  readonly onProgress?: OnProgress
}

/** As a context, with the means to build the parts inside a part. */
export interface BuildContext extends PipelineContext {
  retriever(spec: RetrieverSpec): Promise<Retriever>
  stage(spec: StageSpec): Promise<Reranker>
}

/** A name, or an object whose one key is the name and whose value holds the options: `bm25` or `{ bm25: { k1: 0.9 } }`. */
export type PartSpec = string | Readonly<Record<string, unknown>>
export type RetrieverSpec = PartSpec
export type StageSpec = PartSpec

/** Schemas for parts inside the options of another part; they know every part registered, this one included. */
export interface InnerSchemas {
  readonly retriever: z.ZodType<RetrieverSpec>
  readonly stage: z.ZodType<StageSpec>
}

/** A schema, or for options that hold other parts a function that makes one: `({ stage }) => z.strictObject({ count: z.int(), stage })`. */
export type OptionsSchema<Options> = z.ZodType<Options> | ((inner: InnerSchemas) => z.ZodType<Options>)

/** `schema` describes the options, `build` is given what the schema made of them. */
export interface PartDefinition<Options, Part> {
  /** One sentence for `describe` and the JSON schema. */
  readonly summary: string
  readonly schema: OptionsSchema<Options>
  build(options: Options, context: BuildContext): Part | Promise<Part>
  /**
   * For retrievers with a `save(directory)`: the options that load what was saved into `index`, a path relative to the pipeline's directory.
   * Without it the part cannot be saved with a pipeline.
   */
  saved?(options: Options, index: string): Readonly<Record<string, unknown>>
}

export type PartKind = "retriever" | "stage"

interface Registered {
  readonly summary: string
  readonly schema: OptionsSchema<unknown>
  build(options: unknown, context: BuildContext): unknown
  saved?(options: unknown, index: string): Readonly<Record<string, unknown>>
}

const parts: Record<PartKind, Map<string, Registered>> = { retriever: new Map(), stage: new Map() }
let version = 0

/** Makes a retriever known to pipeline files. Throws `argument` where the name is taken or not made of a-z, 0-9 and hyphens. */
export function registerRetriever<Options>(name: string, definition: PartDefinition<Options, Retriever>): void {
  register("retriever", name, definition)
}

/** Makes a stage known to pipeline files. Throws as `registerRetriever`. */
export function registerStage<Options>(name: string, definition: PartDefinition<Options, Reranker>): void {
  register("stage", name, definition)
}

function register<Options, Part>(kind: PartKind, name: string, definition: PartDefinition<Options, Part>): void {
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new RankineError("argument", `"${name}" cannot name a ${kind}: use a-z, 0-9 and hyphens, a letter first`)
  if (parts[kind].has(name))
    throw new RankineError("argument", `there is a ${kind} "${name}" already: choose another name`)
  // The schema has made `options` an Options by the time that `build` sees them.
  parts[kind].set(name, definition as unknown as Registered)
  version++
}

export function partNames(kind: PartKind): string[] {
  return [...parts[kind].keys()]
}

export function partDefinition(kind: PartKind, name: string): Registered | undefined {
  return parts[kind].get(name)
}

/** Grows with every registration, so that what is derived from the registry can be kept until it changes. */
export function registryVersion(): number {
  return version
}

/** The collection, for a part that builds an index. Throws `argument` where there is none. */
export function collectionOf(
  context: PipelineContext,
  part: string,
): ReturnType<NonNullable<PipelineContext["documents"]>> {
  if (!context.documents)
    throw new RankineError(
      "argument",
      `${part} builds an index and there are no documents: pass documents, or give it an index to load`,
    )
  return context.documents()
}
