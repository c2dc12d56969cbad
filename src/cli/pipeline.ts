/** What `--pipeline` names. @module */
import type { Retriever } from "../core/index.js"
import { RankineError } from "../core/index.js"
import type { BenchmarkContext } from "../pipelines/benchmark.js"

export interface NamedPipeline {
  /** One word, for directories and run tags. */
  readonly name: string
  build(context: BenchmarkContext): Promise<Retriever>
}

export async function pipelineBuilder(text: string): Promise<NamedPipeline> {
  const { Bm25Index } = await import("../../retrievers/bm25/index.js")
  if (text !== "bm25") throw new RankineError("argument", `there is no pipeline ${text}`)
  return {
    name: "bm25",
    build: (context) =>
      Bm25Index.build(context.documents(), { signal: context.signal!, onProgress: context.onProgress! }),
  }
}
