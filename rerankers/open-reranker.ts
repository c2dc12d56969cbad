/** Rerankers by the name of a model. @module */
import { RankineError, type Reranker } from "../src/core/index.js"
import { loadEmbeddedScorer, type OpenModelOptions, openModel, sharedModel } from "../src/models/index.js"
import { biEncoder, pointwise } from "./pointwise/index.js"

/**
 * The reranker of a model, which is loaded once and shared by all who ask for the same.
 *
 * @param model `default` for the embedded models, else a folder or name of a cross-encoder, embedding, late-interaction or T5 model
 * @throws RankineError `not-found` for a model that is not on this machine, `model` for one that cannot rerank
 */
export async function sharedReranker(model = "default", settings: OpenModelOptions = {}): Promise<Reranker> {
  if (model === "default") {
    const scorer = await sharedModel("embedded-scorer", model, settings, () => loadEmbeddedScorer(settings))
    return pointwise(scorer, { name: model })
  }
  const opened = await sharedModel("reranker", model, settings, () => openModel(model, settings))
  switch (opened.kind) {
    case "cross-encoder":
    case "t5":
      return pointwise(opened.model)
    case "static":
    case "embedder":
      return biEncoder(opened.model)
    case "late-interaction": {
      const { LateInteractionReranker } = await import("./late-interaction/index.js")
      return new LateInteractionReranker(opened.model)
    }
    case "sparse":
      throw new RankineError(
        "model",
        `${model} is a learned sparse encoder, which retrieves: use it in a pipeline (sparse), or rerank with another model`,
      )
  }
}
