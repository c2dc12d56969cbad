/** What `--pipeline` names, ready to be built. @module */
import { basename, dirname, extname } from "node:path"
import type { Pipeline } from "../core/index.js"
import type { BenchmarkContext } from "../pipelines/benchmark.js"
import {
  buildPipeline,
  loadPipeline,
  type PipelineContext,
  type PipelineSpec,
  pipelineNames,
} from "../pipelines/index.js"

/** What a benchmark offers, or a collection without judgements. */
type Source = Pick<BenchmarkContext, "documents" | "signal" | "onProgress"> & {
  readonly dataset?: BenchmarkContext["dataset"]
}

export interface NamedPipeline {
  /** One word, for directories and for the tag of a run. */
  readonly name: string
  readonly spec: PipelineSpec
  /** Where relative paths inside the file begin. */
  readonly directory: string
  build(context: Source): Promise<Pipeline>
}

/** A short name or a file. Throws `not-found`, or `configuration` with every mistake in the file. */
export async function namePipeline(text: string): Promise<NamedPipeline> {
  const spec = await loadPipeline(text)
  const isName = pipelineNames().includes(text)
  const name = oneWord(spec.name ?? basename(text, extname(text)))
  const directory = isName ? "." : dirname(text)
  return {
    name,
    spec,
    directory,
    build: (context) => buildPipeline(spec, pipelineContext(context, directory)),
  }
}

export function pipelineContext(
  { documents, dataset, signal, onProgress }: Source,
  indexDirectory: string,
): PipelineContext {
  return {
    documents,
    indexDirectory,
    ...(dataset?.candidates ? { candidates: dataset.candidates } : {}),
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress } : {}),
  }
}

function oneWord(name: string): string {
  return (
    name
      .trim()
      .replace(/[^\w.-]+/g, "-")
      .replace(/^-|-$/g, "") || "pipeline"
  )
}
