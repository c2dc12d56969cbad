/** The schemas of our own dialect. @module */
import * as z from "zod"
import { documentForm, MAX_DOCUMENTS } from "./shared.js"

export const MAX_TOP_K = 1000
/** Of one request. */
export const MAX_QUERIES = 64

const query = z.string().max(100_000).describe("What is asked.")

const searchFields = {
  index: z.string().max(128).nullish().describe("Where to search; may be left out where there is only one index."),
  pipeline: z
    .string()
    .max(128)
    .nullish()
    .describe("What follows retrieval, see /v1/pipelines; the first where left out."),
  top_k: z.int().min(1).max(MAX_TOP_K).default(10).describe("How many hits are returned."),
  filter: z
    .record(z.string(), z.unknown())
    .nullish()
    .describe("Conditions on metadata: { year: { $gte: 2020 }, lang: 'en' }; id names the id."),
  explain: z.boolean().nullish().describe("Also return how scores came about and the order after each stage."),
  return_documents: z.boolean().nullish().describe("Return texts and metadata with the hits. Default true."),
}

export const searchRequest = z
  .looseObject({
    query: z.union([query, z.array(query).min(1).max(MAX_QUERIES)]).describe("One query, or a list of up to 64."),
    ...searchFields,
  })
  .meta({ id: "SearchRequest" })

export const streamRequest = z.looseObject({ query, ...searchFields }).meta({ id: "SearchStreamRequest" })

export type SearchInput = z.infer<typeof searchRequest>

const order = z.array(z.object({ id: z.string(), score: z.number() }))

const explanation = z
  .looseObject({ value: z.number(), description: z.string() })
  .describe("A sum of named parts; its details have the same form.")

const hit = z.object({
  id: z.string(),
  rank: z.int().describe("From 1."),
  score: z.number(),
  document: documentForm
    .extend({
      metadata: z.record(z.string(), z.unknown()).optional(),
      fields: z.record(z.string(), z.string()).optional(),
    })
    .optional(),
  span: z.tuple([z.int(), z.int()]).optional().describe("The part of the text that matched, in UTF-16 units."),
  explanation: explanation.optional(),
})

const ranking = z
  .object({
    results: z.array(hit),
    status: z.enum(["ranked", "partial", "fallback", "failed"]),
    score_kind: z.string(),
    stages: z.array(
      z.object({
        stage: z.string(),
        seconds: z.number(),
        input: z.int(),
        output: z.int(),
        moved: z.int().describe("Hits whose rank changed."),
        hits: order.optional().describe("The first of the order after the stage, with explain."),
      }),
    ),
    warnings: z.array(z.object({ code: z.string(), count: z.int(), ids: z.array(z.string()).optional() })),
    usage: z.object({
      calls: z.int(),
      prompt_tokens: z.int(),
      cached_tokens: z.int(),
      completion_tokens: z.int(),
      truncated: z.int(),
      repaired: z.int(),
    }),
  })
  .meta({ id: "SearchRanking" })

export type RankingForm = z.infer<typeof ranking>

const head = { id: z.string(), index: z.string(), pipeline: z.string(), seconds: z.number() }

export const searchAnswer = z
  .union([
    ranking.extend(head).describe("To one query."),
    z.object({ ...head, rankings: z.array(ranking) }).describe("To a list of queries, in their order."),
  ])
  .meta({ id: "SearchResponse" })

export type SearchAnswer = z.infer<typeof searchAnswer>

export const indexParams = z.object({ name: z.string().describe("The index.") })

export const indexRequest = z
  .looseObject({
    retriever: z
      .union([
        z.string().max(128),
        z.strictObject({
          bm25: z.strictObject({
            analyzer: z.string().max(64).optional().describe("A language or analyzer, such as english or german."),
            k1: z.number().min(0).optional(),
            b: z.number().min(0).max(1).optional(),
          }),
        }),
      ])
      .default("bm25")
      .describe("What finds documents: bm25, dense, sparse, hybrid, one of the configuration, or bm25 with options."),
  })
  .meta({ id: "IndexRequest" })

export const indexForm = z
  .object({
    name: z.string(),
    status: z.enum(["ready", "failed"]),
    writable: z.boolean(),
    error: z.string().optional(),
    documents: z.int().optional(),
    bytes: z.int().optional(),
    created: z.string().optional(),
    retriever: z.unknown().optional(),
  })
  .meta({ id: "Index" })

const document = z.looseObject({
  id: z.string().min(1).max(1024),
  title: z.string().optional(),
  text: z.string(),
  fields: z.record(z.string(), z.string()).optional().describe("Parts of the text that are scored by themselves."),
  metadata: z.record(z.string(), z.unknown()).optional().describe("What filters read."),
})

export const documentsRequest = z
  .looseObject({
    documents: z.array(document).max(MAX_DOCUMENTS, `at most ${MAX_DOCUMENTS} documents in a request: split it`),
  })
  .transform(({ documents }) => ({
    documents: documents.map(({ id, title, text, fields, metadata }) => ({
      id,
      text,
      ...(title === undefined ? {} : { title }),
      ...(fields === undefined ? {} : { fields }),
      ...(metadata === undefined ? {} : { metadata }),
    })),
  }))
  .meta({ id: "DocumentsRequest" })

export const deleteRequest = z
  .looseObject({ ids: z.array(z.string()).min(1).max(MAX_DOCUMENTS, `at most ${MAX_DOCUMENTS} ids in a request`) })
  .meta({ id: "DeleteRequest" })

export const changed = z
  .object({
    index: z.string(),
    affected: z.int().describe("Documents that were written or deleted by this request."),
    documents: z.int().describe("Documents in the index now."),
  })
  .meta({ id: "IndexChange" })

export const pipelineList = z
  .object({
    pipelines: z.array(
      z.object({ name: z.string(), description: z.string().optional(), stages: z.array(z.unknown()) }),
    ),
  })
  .meta({ id: "PipelineList" })
