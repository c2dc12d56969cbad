/** Rerankers by the name of a model. @module */
import { RankineError, type Reranker } from "../src/core/index.js"
import { loadEmbeddedScorer, type OpenModelOptions, openModel, sharedModel } from "../src/models/index.js"
import { biEncoder, pointwise } from "./pointwise/index.js"

/** A reranker with the model behind it, whose native memory it holds until it is disposed of. */
export interface OpenedReranker extends AsyncDisposable {
  readonly reranker: Reranker
  readonly model: object
}

/**
 * Loads the reranker of a model.
 *
 * @param model `default` for the embedded models, else a folder or name of a cross-encoder, embedding, late-interaction or T5 model
 * @throws RankineError `not-found` for a model that is not on this machine, `model` for one that cannot rerank
 */
export async function openReranker(model = "default", settings: OpenModelOptions = {}): Promise<OpenedReranker> {
  if (model === "default") {
    const scorer = await loadEmbeddedScorer(settings)
    return opened(pointwise(scorer, { name: model }), scorer, scorer)
  }
  const found = await openModel(model, settings)
  switch (found.kind) {
    case "cross-encoder":
    case "t5":
      return opened(pointwise(found.model), found.model, found)
    case "static":
    case "embedder":
      return opened(biEncoder(found.model), found.model, found)
    case "late-interaction": {
      const { LateInteractionReranker } = await import("./late-interaction/index.js")
      return opened(new LateInteractionReranker(found.model), found.model, found)
    }
    case "sparse":
      await found[Symbol.asyncDispose]()
      throw new RankineError(
        "model",
        `${model} is a learned sparse encoder, which retrieves: use it in a pipeline (sparse), or rerank with another model`,
      )
  }
}

function opened(reranker: Reranker, model: object, holder: AsyncDisposable): OpenedReranker {
  return { reranker, model, [Symbol.asyncDispose]: () => Promise.resolve(holder[Symbol.asyncDispose]()) }
}

/** As `openReranker`, loaded once and shared by all who ask for the same. */
export async function sharedReranker(model = "default", settings: OpenModelOptions = {}): Promise<Reranker> {
  return (await sharedModel("reranker", model, settings, () => openReranker(model, settings))).reranker
}
