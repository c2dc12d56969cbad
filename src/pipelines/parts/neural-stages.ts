/** Stages that run a model on the texts of the hits. @module */
import * as z from "zod"
import type { PointwiseOptions } from "../../../rerankers/pointwise/index.js"
import type { CrossEncoderOptions } from "../../models/index.js"
import { registerStage } from "../registry.js"
import { defined, modelSettings, settingsOf } from "./models.js"

const model = z.string().min(1).describe("A folder, or a name that is found among the models of this machine.")

const prompts = z
  .strictObject({ query: z.string().optional(), instructed: z.string().optional(), document: z.string().optional() })
  .optional()
  .describe("What the model reads: texts with {query}, {instruction} and {document} in their places.")

/** Loaded by the first stage that needs them: a pipeline without models does not wait for their code. */
const pointwiseRerankers = () => import("../../../rerankers/pointwise/index.js")
const models = () => import("../../models/index.js")
const t5 = () => import("../../models/t5/index.js")

export function registerNeuralStages(): void {
  registerStage("cross-encoder", {
    summary: "Reranks by a model that reads query and document together.",
    schema: z.strictObject({
      model,
      ...modelSettings,
      activation: z.enum(["identity", "sigmoid", "softmax"]).optional().describe("Default: as the model's files say."),
      label: z
        .union([z.string(), z.int()])
        .optional()
        .describe("The label that means relevance, where there are several."),
      passages: z
        .strictObject({ maxTokens: z.int().min(1).optional(), overlap: z.int().min(0).optional() })
        .optional()
        .describe("Read long documents in windows and take the best; default: their end is cut and counted."),
      prompts,
    }),
    async build({ prompts: given, model: name, activation, label, passages, ...rest }) {
      const [{ pointwise }, { loadCrossEncoder, sharedModel }] = await Promise.all([pointwiseRerankers(), models()])
      const options = { ...settingsOf(rest), ...defined({ activation, label, passages }) } as CrossEncoderOptions
      const scorer = await sharedModel("cross-encoder", name, options, () => loadCrossEncoder(name, options))
      return pointwise(scorer, defined({ prompts: given }) as PointwiseOptions)
    },
  })

  registerStage("bi-encoder", {
    summary: "Reranks by the cosine of an embedding model's vectors.",
    schema: z.strictObject({ model: model.default("potion-base-4M"), ...modelSettings }),
    async build({ model: name, ...rest }) {
      const [{ biEncoder }, { openEmbedder, sharedModel }] = await Promise.all([pointwiseRerankers(), models()])
      const settings = settingsOf(rest)
      return biEncoder(await sharedModel("embedder", name, settings, () => openEmbedder(name, settings)))
    },
  })

  registerStage("monot5", {
    summary: "Reranks by an encoder-decoder's probability of the word for relevant.",
    schema: z.strictObject({ model, ...modelSettings }),
    async build({ model: name, ...rest }) {
      const [{ pointwise }, { sharedModel }, { loadMonoT5 }] = await Promise.all([pointwiseRerankers(), models(), t5()])
      const settings = settingsOf(rest)
      return pointwise(await sharedModel("monot5", name, settings, () => loadMonoT5(name, settings)))
    },
  })

  registerStage("rankt5", {
    summary: "Reranks by the score token of a RankT5 model.",
    schema: z.strictObject({ model, ...modelSettings }),
    async build({ model: name, ...rest }) {
      const [{ pointwise }, { sharedModel }, { loadRankT5 }] = await Promise.all([pointwiseRerankers(), models(), t5()])
      const settings = settingsOf(rest)
      return pointwise(await sharedModel("rankt5", name, settings, () => loadRankT5(name, settings)))
    },
  })
}
