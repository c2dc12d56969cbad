/** Pipelines with a short name. @module */
import { createRequire } from "node:module"
import { RankineError } from "../core/errors.js"

/** Scores within [0, 1): a document that is far ahead in every list ends near 2 / 3. */
const method = { method: "wsum", norm: "deviations", saturation: 5 }

/**
 * BM25 and the sparse encoder count alike, the small static model half as much. Set once, by judged collections that are in none of our tables
 * (WikiQA, CoSQA, Natural Questions, NovelEval), where anything near these weights does as well.
 */
const hybrid = {
  retriever: { fuse: { retrievers: ["bm25", "dense", "sparse"], ...method, weights: [0.4, 0.2, 0.4] } },
}

/** The same without what needs ONNX Runtime. */
const light = {
  retriever: { fuse: { retrievers: ["bm25", "dense"], ...method, weights: [0.65, 0.35] } },
}

/** Name → the pipeline as plain data, as a file would hold it, or what gives it. */
const builtInPipelines: Record<string, unknown> = {
  bm25: { retriever: "bm25" },
  elasticlunr: { retriever: "elasticlunr" },
  dense: { retriever: "dense" },
  sparse: { retriever: "sparse" },
  hybrid,
  // The best that the package can run by itself on this machine; reports describe what it was.
  default: () => (hasPackage("onnxruntime-node") ? hybrid : light),
}

export function pipelineNames(): string[] {
  return Object.keys(builtInPipelines)
}

/** The pipeline of a short name as plain data; `undefined` for a name that is none. */
export function builtInPipeline(name: string): unknown {
  const pipeline = Object.hasOwn(builtInPipelines, name) ? builtInPipelines[name] : undefined
  return typeof pipeline === "function" ? pipeline() : pipeline
}

/** Gives a pipeline a short name. It is checked when it is used. Throws `argument` where the name is taken or not made of a-z, 0-9 and hyphens. */
export function registerPipeline(name: string, pipeline: unknown): void {
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new RankineError("argument", `"${name}" cannot name a pipeline: use a-z, 0-9 and hyphens, a letter first`)
  if (Object.hasOwn(builtInPipelines, name))
    throw new RankineError("argument", `there is a pipeline "${name}" already: choose another name`)
  builtInPipelines[name] = pipeline
}

function hasPackage(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}
