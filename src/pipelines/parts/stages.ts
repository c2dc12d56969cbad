import * as z from "zod"
import { type AggregateOptions, aggregate } from "../../../rerankers/aggregation/index.js"
import { type DedupeOptions, dedupe, type MmrOptions, mmr } from "../../../rerankers/diversity/index.js"
import { cut, fallback, hydrate, RankineError, top } from "../../core/index.js"
import { registerStage } from "../registry.js"
import { analyzerSchema } from "./analyzer.js"

export function registerStages(): void {
  registerStage("cut", {
    summary: "Keeps the first hits: { cut: 100 }.",
    schema: z.int().min(1),
    build: (count) => cut(count),
  })

  registerStage("top", {
    summary: "Runs a stage on the first hits and leaves the rest below.",
    schema: ({ stage }) => z.strictObject({ count: z.int().min(1), stage }),
    build: async ({ count, stage }, context) => top(count, await context.stage(stage)),
  })

  registerStage("fallback", {
    summary: "Runs the second stage on rankings that the first fails on; without a second they keep their order.",
    schema: ({ stage }) => z.strictObject({ primary: stage, secondary: stage.optional() }),
    async build({ primary, secondary }, context) {
      const first = await context.stage(primary)
      return secondary === undefined ? fallback(first) : fallback(first, await context.stage(secondary))
    },
  })

  registerStage("hydrate", {
    summary: "Gives every hit its document.",
    schema: z.strictObject({}),
    build(_, { store }) {
      if (!store)
        throw new RankineError(
          "argument",
          "hydrate needs a document store: pass store, or leave hydrate out (texts of the retriever are fetched anyway)",
        )
      return hydrate(store)
    },
  })

  registerStage("dedupe", {
    summary: "Removes hits that repeat the text of a better hit.",
    schema: z.strictObject({
      threshold: z.number().gt(0).max(1).default(0.9),
      shingle: z.int().min(1).default(3),
      analyzer: analyzerSchema.default("english"),
    }),
    build: (options) => dedupe(options as DedupeOptions),
  })

  registerStage("mmr", {
    summary: "Maximal marginal relevance: spreads the first hits over different contents.",
    schema: z.strictObject({
      lambda: z.number().min(0).max(1).default(0.7),
      top: z.int().min(1).optional(),
      analyzer: analyzerSchema.default("english"),
    }),
    build: (options) => mmr(options as MmrOptions),
  })

  registerStage("aggregate", {
    summary: "Turns a ranking of chunks into one of documents.",
    schema: z.strictObject({
      by: z
        .union([z.literal("parent"), z.strictObject({ separator: z.string().min(1) })])
        .default("parent")
        .describe("parent, or { separator: '#' } for ids such as doc#3."),
      method: z.enum(["max", "first", "mean"]).default("max"),
      best: z.int().min(1).default(3).describe("How many chunks mean counts."),
    }),
    build: (options) => aggregate(options as AggregateOptions),
  })
}
