/** The pipelines of the quality table, as the data that a pipeline file would hold. @module */
import { miniLmFolder, smallModels } from "./folders.mjs"

/** As published: documents cut at 256 tokens. */
const CUT = 256
const half = [0.5, 0.5]

/** Name → pipeline, or the reason why it is not measured. */
export function qualityPipelines(threads) {
  const potion = { dense: { model: smallModels["potion-base-4M-int8"] } }
  const miniLm = { dense: { model: miniLmFolder(), maxLength: CUT, threads } }
  const miniLmInt8 = { dense: { model: miniLmFolder(), maxLength: CUT, threads, precision: "int8" } }
  const splade = { sparse: { model: smallModels["splade-tiny"], maxLength: CUT, threads } }
  const spladeInt8 = { sparse: { model: smallModels["splade-tiny-int8"], maxLength: CUT, threads } }
  const fuse = (method, weights, ...retrievers) => ({
    retriever: {
      fuse: { retrievers, method, ...(weights ? { weights } : {}), ...(method === "rrf" ? {} : { norm: "min-max" }) },
    },
  })
  return {
    bm25: { pipeline: { retriever: "bm25" } },
    "dense-potion": { pipeline: { retriever: potion } },
    "dense-minilm": { pipeline: { retriever: miniLm } },
    "dense-minilm-int8": { pipeline: { retriever: miniLmInt8 } },
    sparse: { pipeline: { retriever: splade } },
    "sparse-int8": { pipeline: { retriever: spladeInt8 } },
    "bm25+potion-rrf": { pipeline: fuse("rrf", undefined, "bm25", potion) },
    "bm25+minilm-rrf": { pipeline: fuse("rrf", undefined, "bm25", miniLm) },
    "bm25+sparse": { pipeline: fuse("wsum", half, "bm25", splade) },
    "bm25+minilm": { pipeline: fuse("wsum", half, "bm25", miniLm) },
    hybrid: { pipeline: "hybrid" },
    default: { pipeline: "default" },
    "bm25 > cross-encoder": { absent: "not measured: no trained cross-encoder is at hand" },
    "bm25 > monoT5": { absent: "not measured: no trained T5 is at hand" },
    "bm25 > ColBERT": { absent: "not measured: no trained ColBERT is at hand" },
  }
}
