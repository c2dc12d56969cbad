import { resolve } from "node:path"
import * as z from "zod"
import { Bm25Index, type Bm25Options } from "../../../retrievers/bm25/index.js"
import { collectionOf, registerRetriever } from "../registry.js"
import { analyzerSchema } from "./analyzer.js"

const schema = z
  .strictObject({
    index: z
      .string()
      .min(1)
      .optional()
      .describe("Directory of a saved index; its own options hold, so no others are given."),
    analyzer: analyzerSchema.optional(),
    variant: z.enum(["lucene", "robertson", "atire", "bm25l", "bm25+"]).optional(),
    norm: z.enum(["lucene", "exact"]).optional(),
    k1: z.number().min(0).optional(),
    b: z.number().min(0).max(1).optional(),
    delta: z.number().min(0).optional(),
    fields: z.record(z.string(), z.number().min(0)).optional().describe("Weights of separately scored fields."),
    querySide: z.boolean().optional().describe("Saturate repeated query terms too, for long queries."),
    storeDocuments: z.boolean().optional(),
  })
  .refine(
    (options) =>
      options.index === undefined || Object.values(options).filter((value) => value !== undefined).length === 1,
    {
      message: "a saved index has its own options: leave out all others beside index",
    },
  )

export function registerBm25(): void {
  registerRetriever("bm25", {
    summary: "BM25 over an inverted index; Lucene's scores by default.",
    schema,
    build({ index, ...options }, context) {
      if (index !== undefined) return Bm25Index.load(resolve(context.indexDirectory ?? ".", index))
      const { signal, onProgress } = context
      return Bm25Index.build(collectionOf(context, "bm25"), {
        ...(options as Bm25Options),
        ...(signal ? { signal } : {}),
        ...(onProgress ? { onProgress } : {}),
      })
    },
    saved: (_, index) => ({ index }),
  })
}
