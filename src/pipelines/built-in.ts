/** Pipelines with a short name. @module */
import { RankineError } from "../core/errors.js"

/** Name → the pipeline as plain data, as a file would hold it. */
export const builtInPipelines: Record<string, unknown> = {
  bm25: { retriever: "bm25" },
  elasticlunr: { retriever: "elasticlunr" },
}

export function pipelineNames(): string[] {
  return Object.keys(builtInPipelines)
}

/** Gives a pipeline a short name. It is checked when it is used. Throws `argument` where the name is taken or not made of a-z, 0-9 and hyphens. */
export function registerPipeline(name: string, pipeline: unknown): void {
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new RankineError("argument", `"${name}" cannot name a pipeline: use a-z, 0-9 and hyphens, a letter first`)
  if (Object.hasOwn(builtInPipelines, name))
    throw new RankineError("argument", `there is a pipeline "${name}" already: choose another name`)
  builtInPipelines[name] = pipeline
}
