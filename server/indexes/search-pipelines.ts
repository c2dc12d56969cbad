/** The stages that searches of this server run after an index's own retriever. @module */
import { RankineError, type Reranker } from "../../src/core/index.js"
import { buildStage } from "../../src/pipelines/index.js"

/** One of the configuration's pipelines: `{ reranker: NAME }` stands for a reranker of this server, anything else is a stage as in pipeline files. */
export type StageConfig = string | Readonly<Record<string, unknown>>

export interface SearchPipeline {
  readonly name: string
  readonly description?: string | undefined
  readonly stages: readonly Reranker[]
  /** As configured. */
  readonly form: readonly StageConfig[]
}

export interface PipelineConfig {
  readonly description?: string | undefined
  readonly stages: readonly StageConfig[]
}

/**
 * Builds the stages of all pipelines once; every index uses the same.
 *
 * @param configured by name; without any there are `rerank` (the first reranker on 100 hits), where there is one, and `retrieve` (no stages)
 * @param reranker gives a reranker of this server by its name
 * @throws RankineError `configuration`, and what building stages throws
 */
export async function openSearchPipelines(
  configured: Readonly<Record<string, PipelineConfig>> | undefined,
  rerankers: readonly string[],
  reranker: (name: string) => Reranker,
): Promise<SearchPipeline[]> {
  const wanted = configured ?? usualPipelines(rerankers[0])
  const pipelines: SearchPipeline[] = []
  for (const [name, { description, stages: form }] of Object.entries(wanted)) {
    const stages: Reranker[] = []
    for (const stage of form) stages.push(await openStage(stage, name, rerankers, reranker))
    pipelines.push({ name, description, stages, form })
  }
  return pipelines
}

function usualPipelines(first: string | undefined): Record<string, PipelineConfig> {
  const retrieve = { retrieve: { description: "The index's own ranking.", stages: [] } }
  if (first === undefined) return retrieve
  const description = `The first 100 hits of the index, reranked by ${first}.`
  return { rerank: { description, stages: [{ cut: 100 }, { reranker: first }] }, ...retrieve }
}

async function openStage(
  stage: StageConfig,
  pipeline: string,
  rerankers: readonly string[],
  reranker: (name: string) => Reranker,
): Promise<Reranker> {
  if (typeof stage === "string" || !("reranker" in stage)) return buildStage(stage)
  const { reranker: name, ...rest } = stage
  if (typeof name !== "string" || !rerankers.includes(name) || Object.keys(rest).length > 0)
    throw new RankineError(
      "configuration",
      `pipelines.${pipeline}: { reranker: NAME } takes one of ${rerankers.join(", ") || "the configuration's rerankers"} and nothing else`,
    )
  return reranker(name)
}
