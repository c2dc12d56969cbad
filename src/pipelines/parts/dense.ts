import { resolve } from "node:path"
import * as z from "zod"
import type { DenseOptions } from "../../../retrievers/dense/index.js"
import type { IndexKind } from "../../../retrievers/dense/kinds.js"
import { collectionOf, registerRetriever } from "../registry.js"
import { defined, modelSettings, settingsOf } from "./models.js"

const kinds = ["flat", "flat-int8", "flat-binary", "hnsw", "usearch"] as const satisfies readonly IndexKind[]

const schema = z
  .strictObject({
    model: z
      .string()
      .min(1)
      .default("potion-base-4M")
      .describe("An embedding model: a folder, a name; by default the one that the package carries."),
    ...modelSettings,
    index: z.string().min(1).optional().describe("Directory of a saved index; its own options hold."),
    kind: z.enum(kinds).optional().describe("Default flat: exact."),
    metric: z.enum(["cosine", "dot"]).optional(),
    oversample: z.number().min(1).optional(),
    hnsw: z
      .strictObject({
        m: z.int().min(2).optional(),
        efConstruction: z.int().min(1).optional(),
        efSearch: z.int().min(1).optional(),
      })
      .optional(),
    storeDocuments: z.boolean().optional(),
  })
  .refine(
    ({ index, kind, metric, oversample, hnsw, storeDocuments }) =>
      index === undefined || [kind, metric, oversample, hnsw, storeDocuments].every((value) => value === undefined),
    { message: "a saved index has its own options: leave out all others beside index and those of the model" },
  )

export function registerDense(): void {
  registerRetriever("dense", {
    summary: "Nearest vectors of an embedding model; exact by default.",
    schema,
    async build({ index, kind, metric, oversample, hnsw, storeDocuments, ...options }, context) {
      const [{ DenseIndex }, { openEmbedder, sharedModel }] = await Promise.all([
        import("../../../retrievers/dense/index.js"),
        import("../../models/index.js"),
      ])
      const settings = settingsOf(options)
      const encoder = await sharedModel("embedder", options.model, settings, () =>
        openEmbedder(options.model, settings),
      )
      if (index !== undefined) return DenseIndex.load(resolve(context.indexDirectory ?? ".", index), { encoder })
      const { signal, onProgress } = context
      return DenseIndex.build(collectionOf(context, "dense"), {
        encoder,
        ...defined({ index: kind, metric, oversample, hnsw, storeDocuments, signal, onProgress }),
      } as DenseOptions)
    },
    saved: ({ kind, metric, oversample, hnsw, storeDocuments, ...model }, index) => ({ ...model, index }),
  })
}
