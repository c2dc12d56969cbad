import type { Pipeline, Reranker, Retriever } from "../core/index.js"
import { pipeline, throwIfAborted } from "../core/index.js"
import { parsePipeline, withOptions } from "./parse.js"
import { type BuildContext, type PartKind, type PartSpec, type PipelineContext, partDefinition } from "./registry.js"

/**
 * Builds a pipeline from its declarative form: anything that `parsePipeline` takes. Retrievers are built one after the other, so that at most one index at a
 * time is under construction; the same retriever named twice is built once.
 * `onRetriever` is told of each one that was built, with its options in full.
 * Throws `configuration` for what does not fit the schema, and what building the parts throws.
 */
export async function buildPipeline(
  input: unknown,
  context: PipelineContext = {},
  onRetriever?: (part: PartSpec, retriever: Retriever) => void,
): Promise<Pipeline> {
  const spec = parsePipeline(input)
  const built = new Map<string, Promise<Retriever>>()
  const inner: BuildContext = {
    ...context,
    retriever(part) {
      const key = JSON.stringify(withOptions("retriever", part))
      let retriever = built.get(key)
      if (!retriever) {
        retriever = buildPart<Retriever>("retriever", part, inner).then((made) => {
          onRetriever?.(JSON.parse(key) as PartSpec, made)
          return made
        })
        built.set(key, retriever)
      }
      return retriever
    },
    stage: (part) => buildPart<Reranker>("stage", part, inner),
  }
  const retriever = await inner.retriever(spec.retriever)
  const stages: Reranker[] = []
  for (const stage of spec.stages) stages.push(await inner.stage(stage))
  const made = pipeline(withStore(retriever, context), ...stages)
  return spec.name === undefined ? made : { ...made, describe: () => ({ ...made.describe(), title: spec.name }) }
}

/**
 * Builds one stage: its name, or an object of its name and options.
 * Throws `configuration` for what does not fit its schema, and what building it throws.
 */
export async function buildStage(stage: unknown, context: PipelineContext = {}): Promise<Reranker> {
  // The retriever is never asked: a stage is checked as part of a pipeline, so that mistakes are told in the same words.
  const spec = parsePipeline({ retriever: "bm25", stages: [stage] })
  const inner: BuildContext = {
    ...context,
    retriever: (part) => buildPart<Retriever>("retriever", part, inner),
    stage: (part) => buildPart<Reranker>("stage", part, inner),
  }
  return inner.stage(spec.stages[0]!)
}

async function buildPart<Part>(kind: PartKind, spec: PartSpec, context: BuildContext): Promise<Part> {
  throwIfAborted(context.signal)
  const [name, options] = Object.entries(withOptions(kind, spec))[0]!
  return (await partDefinition(kind, name)!.build(options, context)) as Part
}

/** A retriever without texts of its own gets those of the context. */
function withStore(retriever: Retriever, { store }: PipelineContext): Retriever {
  if (retriever.documents || !store) return retriever
  return {
    name: retriever.name,
    documents: store,
    retrieve: (queries, options) => retriever.retrieve(queries, options),
    ...(retriever.describe ? { describe: () => retriever.describe!() } : {}),
  }
}
