import { resolve } from "node:path"
import * as z from "zod"
import type { SparseOptions } from "../../../retrievers/sparse/index.js"
import { collectionOf, registerRetriever } from "../registry.js"
import { defined, modelSettings, settingsOf } from "./models.js"

/** What is settled when an index is built. */
const built = {
  threshold: z
    .number()
    .min(0)
    .optional()
    .describe("Terms of a document of this weight and less are dropped; default 0.1."),
  topTerms: z.int().min(1).optional().describe("The most terms of a document, the heaviest."),
  step: z
    .number()
    .gt(0)
    .optional()
    .describe("What one unit of a stored weight stands for, a power of two; default 1/64."),
  storeDocuments: z.boolean().optional(),
}

const schema = z
  .strictObject({
    model: z
      .string()
      .min(1)
      .default("splade-tiny")
      .describe("A learned sparse encoder: a folder, a name; by default the one that the package carries."),
    ...modelSettings,
    index: z
      .string()
      .min(1)
      .optional()
      .describe("Directory of a saved index; what was settled when it was built holds."),
    queryThreshold: z.number().min(0).optional(),
    queryTopTerms: z.int().min(1).optional().describe("The most terms of a query, the heaviest."),
    ...built,
  })
  .refine(
    ({ index, threshold, topTerms, step, storeDocuments }) =>
      index === undefined || [threshold, topTerms, step, storeDocuments].every((value) => value === undefined),
    { message: `a saved index has its own options: leave out ${Object.keys(built).join(", ")} beside index` },
  )

export function registerSparse(): void {
  registerRetriever("sparse", {
    summary: "Learned sparse retrieval: term weights of a SPLADE-type encoder in an inverted index.",
    schema,
    async build(options, context) {
      const [{ SparseIndex }, { openSparseEncoder, sharedModel }] = await Promise.all([
        import("../../../retrievers/sparse/index.js"),
        import("../../models/index.js"),
      ])
      const { model, index, queryThreshold, queryTopTerms, threshold, topTerms, step, storeDocuments } = options
      const settings = settingsOf(options)
      const encoder = await sharedModel("sparse", model, settings, () => openSparseEncoder(model, settings))
      const asked = defined({ encoder, queryThreshold, queryTopTerms })
      if (index !== undefined) return SparseIndex.load(resolve(context.indexDirectory ?? ".", index), asked)
      const { signal, onProgress } = context
      const building = defined({ threshold, topTerms, step, storeDocuments, signal, onProgress })
      return SparseIndex.build(collectionOf(context, "sparse"), { ...asked, ...building } as SparseOptions)
    },
    saved: ({ threshold, topTerms, step, storeDocuments, ...rest }, index) => ({ ...rest, index }),
  })
}
