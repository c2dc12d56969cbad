/** Stages in which a language model reranks: `{ yes-no: { model: SmolLM2-135M-Instruct } }`. @module */
import * as z from "zod"
import type { Reranker } from "../../core/index.js"
import type { LanguageModel } from "../../models/index.js"
import { registerStage } from "../registry.js"
import { languageModelSchema, openLanguageModel } from "./language-models.js"
import { defined } from "./models.js"

const whole = z.int().min(1).optional()

const common = {
  model: languageModelSchema,
  prompt: z.string().min(1).optional().describe("A prompt's name, or a YAML file of one's own; default: the method's."),
  maxDocumentTokens: whole.describe("Documents are cut there, and counted."),
  maxQueryTokens: whole,
  concurrency: whole.describe("Queries that are worked on side by side."),
}

const scored = { ...common, maxLength: whole.describe("Most tokens of prompt and answer."), chunk: whole }

const written = {
  ...common,
  maxTokens: whole.describe("Most tokens of an answer."),
  temperature: z.number().min(0).optional(),
  topP: z.number().gt(0).max(1).optional(),
  topK: z.int().min(0).optional(),
}

const windows = {
  window: z.int().min(2).optional().describe("Documents shown at once; default 20."),
  step: whole.describe("Default 10."),
  passes: whole,
}

const sorted = {
  ...written,
  top: whole.describe("How many of the best are to be found; default 10."),
}

const chosen = {
  ...sorted,
  algorithm: z.enum(["heapsort", "bubblesort"]).optional(),
  children: whole.describe("A question shows one more."),
  votes: whole,
  shuffle: z.boolean().optional(),
}

const { temperature: _, topP: __, topK: ___, maxTokens: ____, ...read } = written

/** Loaded by the first stage that needs them: a pipeline without models does not wait for their code. */
const pointwise = () => import("../../../rerankers/pointwise/index.js")
const listwise = () => import("../../../rerankers/listwise/index.js")
const groupwise = () => import("../../../rerankers/groupwise/index.js")
const pairwiseRerankers = () => import("../../../rerankers/pairwise/index.js")
const setwiseRerankers = () => import("../../../rerankers/setwise/index.js")

export function registerLanguageModelStages(): void {
  register("yes-no", "Scores documents by how likely the model says yes to their relevance.", {
    ...scored,
    answers: z.union([z.enum(["yes-no", "true-false"]), z.tuple([z.string().min(1), z.string().min(1)])]).optional(),
    sum: z.boolean().optional(),
    score: z.enum(["probability", "logit"]).optional(),
  })(async (model, options) => (await pointwise()).yesNo(model, options))

  register("graded-relevance", "Scores documents by the grade of relevance that is to be expected.", {
    ...scored,
    grades: z.union([z.int().min(1).max(9), z.array(z.string().min(1)).min(2)]).optional(),
    meanings: z.array(z.string()).optional(),
    sum: z.boolean().optional(),
  })(async (model, options) => (await pointwise()).gradedRelevance(model, options))

  register("prorank", "ProRank, mxbai-rerank-v2: the model judges by 1 or 0.", {
    ...scored,
    instruction: z.string().optional(),
    normalise: z.number().optional(),
  })(async (model, options) => (await pointwise()).proRank(model, options))

  register("qwen3-reranker", "Qwen3-Reranker, in the models' own frame.", {
    ...scored,
    instruction: z.string().optional(),
  })(async (model, options) => (await pointwise()).qwen3Reranker(model, options))

  register(
    "upr",
    "Scores documents by how likely the query is after them.",
    scored,
  )(async (model, options) => (await pointwise()).upr(model, options))

  register("rank1", "Rank1: thinks about each document, then says true or false.", {
    ...scored,
    maxTokens: whole,
    temperature: z.number().min(0).optional(),
    frame: z.enum(["completion", "chat"]).optional(),
  })(async (model, options) => (await pointwise()).rank1(model, options))

  register("pairwise", "Pairwise ranking prompting: which of two is more relevant, in both orders.", {
    ...sorted,
    algorithm: z.enum(["heapsort", "sliding", "all-pairs"]).optional(),
    by: z.enum(["generation", "likelihood"]).optional(),
  })(async (model, options) => (await pairwiseRerankers()).pairwise(model, options))

  register("setwise", "Setwise: sorts by asking for the best of a few.", {
    ...chosen,
    by: z.enum(["generation", "likelihood"]).optional(),
  })(async (model, options) => (await setwiseRerankers()).setwise(model, options))

  register("rank-r1", "Rank-R1: reasons about 20 documents at once and names the best.", {
    ...chosen,
    version: z.enum(["0.1", "0.2", "sft"]).optional(),
  })(async (model, options) => (await setwiseRerankers()).rankR1(model, options))

  register("rank-gpt", "RankGPT: writes the order of sliding windows, passages in messages of their own.", {
    ...written,
    ...windows,
  })(async (model, options) => (await listwise()).rankGpt(model, options))

  register("rank-zephyr", "RankZephyr: writes the order of sliding windows.", {
    ...written,
    ...windows,
  })(async (model, options) => (await listwise()).rankZephyr(model, options))

  register("rank-vicuna", "RankVicuna: writes the order of sliding windows.", {
    ...written,
    ...windows,
  })(async (model, options) => (await listwise()).rankVicuna(model, options))

  register("first", "FIRST: orders windows by the likelihoods of their letters as the first token.", {
    ...read,
    ...windows,
  })(async (model, options) => (await listwise()).first(model, options))

  register("reason-rank", "ReasonRank: thinks about a window, then orders it.", {
    ...written,
    ...windows,
    variant: z.enum(["qwen2.5", "qwen3"]).optional(),
  })(async (model, options) => (await listwise()).reasonRank(model, options))

  register("tour-rank", "TourRank: tournaments in which the model chooses the best of each group.", {
    ...written,
    tournaments: whole,
    groupSize: z.int().min(2).optional(),
  })(async (model, options) => (await listwise()).tourRank(model, options))

  register("grouprank", "GroupRank: scores of shuffled groups.", {
    ...written,
    groupSize: whole,
    repeats: whole,
    asked: z.enum(["together", "apart"]).optional(),
    unreadable: z.enum(["unknown", "zero"]).optional(),
    fusion: z
      .union([z.boolean(), z.strictObject({ groups: z.number().min(0), firstStage: z.number().min(0) })])
      .optional()
      .describe("true for 0.6 of the groups' scores and 0.4 of the first stage's."),
  })(async (model, options) => (await groupwise()).groupRank(model, options))

  registerStage("echorank", {
    summary: "EchoRank: yes or no to many, then neighbours compared, within a budget of tokens.",
    schema: z.strictObject({
      model: languageModelSchema.describe("Says yes or no; should be cheap."),
      second: languageModelSchema.optional().describe("Compares neighbours; default: the same."),
      tokens: whole.describe("Of one query; default 4000."),
      share: z.number().min(0).max(1).optional().describe("For the first stage; default 0.5."),
      candidates: whole,
      passes: whole,
      concurrency: whole,
    }),
    async build({ model, second = model, ...settings }) {
      const [{ yesNo }, { pairwise }, { echoRank }] = await Promise.all([
        pointwise(),
        pairwiseRerankers(),
        import("../../../rerankers/cascade/index.js"),
      ])
      const [cheap, better] = [await openLanguageModel(model), await openLanguageModel(second)]
      return echoRank(await yesNo(cheap), await pairwise(better), defined(settings) as object)
    },
  })

  registerStage("dq-lore", {
    summary: "DQ-LoRe: compares the first hits' vectors in few dimensions.",
    schema: z.strictObject({
      model: z.string().min(1).default("potion-base-4M").describe("An embedding model: a folder or a name."),
      candidates: whole.describe("Default 64."),
      dimensions: whole,
      kernel: z
        .union([z.literal("inner-product"), z.strictObject({ gaussian: z.number().gt(0) })])
        .optional()
        .describe("Default: the inner product."),
    }),
    async build({ model, ...settings }) {
      const [{ dqLore }, { openEmbedder, sharedModel }] = await Promise.all([
        import("../../../rerankers/dq-lore/index.js"),
        import("../../models/index.js"),
      ])
      return dqLore(await sharedModel("embedder", model, {}, () => openEmbedder(model)), defined(settings) as object)
    },
  })

  registerStage("hosted", {
    summary:
      "A reranking service: Cohere, Jina, Voyage or Mixedbread; the key is in the service's environment variable.",
    schema: z.strictObject({
      service: z.enum(["cohere", "jina", "voyage", "mixedbread"]),
      model: z.string().min(1).optional(),
      baseUrl: z.string().min(1).optional(),
      maxDocuments: whole,
      concurrency: whole,
      timeout: z.number().gt(0).optional(),
      requestsPerMinute: z.number().gt(0).optional(),
      tokensPerMinute: z.number().gt(0).optional(),
    }),
    async build({ service, ...settings }) {
      const { hosted } = await import("../../../rerankers/hosted/index.js")
      return hosted(service, defined(settings) as object)
    },
  })
}

type Given<Shape extends z.ZodRawShape> = z.output<z.ZodObject<Shape>>
/** What a method's factory takes: the options that were given, without the model. */
type Options<Shape extends z.ZodRawShape> = {
  [Name in keyof Omit<Given<Shape>, "model">]: Exclude<Given<Shape>[Name], undefined>
}

/** Registers a method; the second call says how it is made. */
function register<Shape extends z.ZodRawShape & { readonly model: typeof languageModelSchema }>(
  name: string,
  summary: string,
  shape: Shape,
) {
  return (make: (model: LanguageModel, options: Options<Shape>) => Promise<Reranker>): void =>
    registerStage(name, {
      summary,
      schema: z.strictObject(shape) as unknown as z.ZodType<Given<Shape>>,
      async build(given) {
        const { model, ...options } = given as Given<Shape> & { readonly model: z.output<typeof languageModelSchema> }
        return make(await openLanguageModel(model), defined(options) as unknown as Options<Shape>)
      },
    })
}
