import * as z from "zod"
import {
  type FuseOptions,
  type FusionMethodName,
  fuse,
  fusionMethodNames,
  type Normalisation,
  normalisationNames,
} from "../../../retrievers/fusion/index.js"
import { RankineError, type Retriever } from "../../core/index.js"
import { type InnerSchemas, registerRetriever } from "../registry.js"

const schema = ({ retriever }: InnerSchemas) =>
  z.strictObject({
    retrievers: z.array(retriever).min(1),
    method: z
      .enum(fusionMethodNames as [FusionMethodName, ...FusionMethodName[]])
      .optional()
      .describe("Default rrf."),
    norm: z
      .enum(normalisationNames as [Normalisation, ...Normalisation[]])
      .optional()
      .describe("For methods that read scores; default min-max."),
    weights: z.array(z.number().min(0)).optional().describe("One per retriever, in their order."),
    depth: z.int().min(1).optional().describe("How many hits are taken from each retriever; default 1000."),
    saturation: z.number().gt(0).optional().describe("Fused scores s become s / (s + saturation), within [0, 1)."),
    k: z.number().min(0).optional(),
    phi: z.number().gt(0).lt(1).optional(),
    gamma: z.number().optional(),
    sigma: z.number().min(0).max(1).optional(),
  })

export function registerFuse(): void {
  registerRetriever("fuse", {
    summary: "Several retrievers as one, their rankings fused.",
    schema,
    async build({ retrievers, ...options }, context) {
      // Checked before indexes are built: what building costs should not be lost to a wrong weight.
      const stand: Retriever = { name: "", retrieve: async () => [] }
      try {
        fuse(options as FuseOptions, ...retrievers.map(() => stand))
      } catch (cause) {
        throw cause instanceof RankineError
          ? new RankineError("configuration", `fuse: ${cause.message}`, { cause })
          : cause
      }
      const built: Retriever[] = []
      for (const spec of retrievers) built.push(await context.retriever(spec))
      return fuse(options as FuseOptions, ...built)
    },
  })
}
