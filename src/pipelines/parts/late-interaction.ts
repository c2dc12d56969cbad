import { resolve } from "node:path"
import * as z from "zod"
import type { LateInteractionOptions } from "../../../retrievers/late-interaction/index.js"
import { collectionOf, registerRetriever, registerStage } from "../registry.js"
import { defined, modelSettings, settingsOf } from "./models.js"

const { maxLength: _, ...settings } = modelSettings

const model = {
  model: z.string().min(1).describe("A ColBERT-type model: a folder, or a name that is found on this machine."),
  ...settings,
  queryLength: z.int().min(1).optional(),
  documentLength: z.int().min(1).optional(),
}

const search = {
  strategy: z.enum(["pruned", "exhaustive"]).optional(),
  probes: z.int().min(1).optional(),
  candidates: z.int().min(1).optional(),
  threshold: z.number().optional(),
}

/** What is settled when an index is built. */
const built = {
  compression: z.enum(["none", "int8", "residual-2", "residual-4"]).optional().describe("Default residual-4."),
  centroids: z.int().min(1).optional(),
  iterations: z.int().min(1).optional(),
  seed: z.int().optional(),
  storeDocuments: z.boolean().optional(),
}

const schema = z
  .strictObject({
    ...model,
    index: z
      .string()
      .min(1)
      .optional()
      .describe("Directory of a saved index; what was settled when it was built holds."),
    ...search,
    ...built,
  })
  .refine(
    (options) =>
      options.index === undefined ||
      Object.keys(built).every((name) => options[name as keyof typeof built] === undefined),
    { message: `a saved index has its own options: leave out ${Object.keys(built).join(", ")} beside index` },
  )

export function registerLateInteraction(): void {
  registerRetriever("late-interaction", {
    summary: "Token vectors of a ColBERT-type model: the sum of each query token's best match in a document.",
    schema,
    async build(options, context) {
      const encoder = await encoderOf(options)
      const { LateInteractionIndex } = await import("../../../retrievers/late-interaction/index.js")
      const { index, strategy, probes, candidates, threshold } = options
      const searching = defined({ strategy, probes, candidates, threshold })
      if (index !== undefined)
        return LateInteractionIndex.load(resolve(context.indexDirectory ?? ".", index), { encoder, ...searching })
      const { compression, centroids, iterations, seed, storeDocuments } = options
      const { signal, onProgress } = context
      const building = defined({ compression, centroids, iterations, seed, storeDocuments, signal, onProgress })
      return LateInteractionIndex.build(collectionOf(context, "late-interaction"), {
        encoder,
        ...searching,
        ...building,
      } as LateInteractionOptions)
    },
    saved: (options, index) => ({
      ...Object.fromEntries(Object.entries(options).filter(([name]) => !Object.hasOwn(built, name))),
      index,
    }),
  })

  registerStage("late-interaction", {
    summary: "Reranks by the token vectors of a ColBERT-type model.",
    schema: z.strictObject(model),
    async build(options) {
      const encoder = await encoderOf(options)
      const { lateInteraction } = await import("../../../rerankers/late-interaction/index.js")
      return lateInteraction(encoder)
    },
  })
}

async function encoderOf(options: {
  model: string
  queryLength?: number | undefined
  documentLength?: number | undefined
}) {
  const { loadMultiVectorEncoder, sharedModel } = await import("../../models/index.js")
  const { queryLength, documentLength } = options
  const given = { ...settingsOf({ ...options }), ...defined({ queryLength, documentLength }) }
  return sharedModel("late-interaction", options.model, given, () => loadMultiVectorEncoder(options.model, given))
}
