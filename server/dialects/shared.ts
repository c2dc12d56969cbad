/** What the rerank dialects have in common: the permissive forms of requests, and what stands in their answers. @module */
import * as z from "zod"
import { RankineError } from "../../src/core/index.js"
import { outwardError } from "../http/outward-error.js"
import type { Answer, ErrorAnswer, InvalidRequest } from "../http/route.js"
import type { RerankCall, RerankOutcome } from "../service-types.js"

/** Of one request, whatever the dialect: they are split into batches by the model's queue. */
export const MAX_DOCUMENTS = 10_000
/** Of one embedding request. */
export const MAX_INPUTS = 10_000

/** A document is a text, or an object with one and perhaps a title. */
const document = z.union([
  z.string(),
  z.looseObject({ text: z.string(), title: z.string().optional() }).describe("A text with a title."),
])

/** As it stands in an answer. */
export const documentForm = z.object({ text: z.string(), title: z.string().optional() })

const documents = z
  .array(document)
  .max(MAX_DOCUMENTS, `at most ${MAX_DOCUMENTS} documents in a request: split it`)
  .describe("What is ranked.")

const limit = z.int().min(1).nullish().describe("How many results are returned; all where it is left out.")
const wantsTexts = z.boolean().nullish().describe("Whether results carry their texts. Default false.")

/** Every name that clients of one service or another use; the dialect says which of them are its own. */
export const rerankFields = {
  model: z.string().max(512).nullish().describe("A model of this server; the first where it is left out."),
  query: z.string().describe("What is asked."),
  documents: documents.optional(),
  texts: documents.optional(),
  input: documents.optional(),
  top_n: limit,
  top_k: limit,
  return_documents: wantsTexts,
  return_text: wantsTexts,
  return_input: wantsTexts,
  raw_scores: z.boolean().nullish().describe("Scores as the model gives them, not mapped into [0, 1]."),
  truncate: z.boolean().nullish().describe("false: a text that is longer than the model reads is an error."),
  truncation: z.boolean().nullish().describe("As truncate."),
  max_tokens_per_doc: z.int().min(1).nullish().describe("Most tokens of a document; the rest is cut and counted."),
  truncate_prompt_tokens: z
    .int()
    .min(-1)
    .nullish()
    .describe("-1 or at least the model's own limit: documents are cut to it anyway. Less is refused."),
}

export const rerankRequest = z.looseObject(rerankFields)
export type RerankRequest = z.infer<typeof rerankRequest>

export interface PlainDocument {
  readonly text: string
  readonly title?: string
}

/** A request of any dialect, in one form. */
export interface PlainRerank extends RerankCall {
  readonly documents: readonly PlainDocument[]
  readonly returnDocuments: boolean
}

/**
 * Brings a request into one form.
 *
 * @throws RankineError `argument` where there are no documents
 */
export function plainRerank(request: RerankRequest): PlainRerank {
  const given = request.documents ?? request.texts ?? request.input
  if (!given) throw new RankineError("argument", "documents is missing: send a list of texts")
  if (given.length === 0)
    throw new RankineError("argument", "documents is empty: send at least one text", { details: { empty: true } })
  return {
    model: request.model ?? undefined,
    query: request.query,
    documents: given.map((each) => {
      if (typeof each === "string") return { text: each }
      const { text, title } = each
      return title === undefined ? { text } : { text, title }
    }),
    topN: request.top_n ?? request.top_k ?? undefined,
    returnDocuments: request.return_documents ?? request.return_text ?? request.return_input ?? false,
    rawScores: request.raw_scores ?? false,
    truncate: request.truncate ?? request.truncation ?? true,
    maxDocumentTokens: request.max_tokens_per_doc ?? undefined,
    maxPromptTokens: promptLimit(request.truncate_prompt_tokens),
  }
}

/** vLLM's -1 means the model's own limit. */
export function promptLimit(tokens: number | null | undefined): number | undefined {
  return tokens === -1 ? undefined : (tokens ?? undefined)
}

/** What an answer's headers, logs and metrics tell, whatever its form. */
export function factsOf(outcome: RerankOutcome): Omit<Answer<unknown>, "body"> {
  return {
    timings: outcome.timings,
    tokens: tokensOf(outcome),
    truncated: outcome.usage.truncated,
    ...warningsOf(outcome),
  }
}

export function tokensOf({ usage }: RerankOutcome): number {
  return usage.promptTokens + usage.completionTokens
}

/** What was tolerated, for an answer's `warnings`; nothing where all is well. */
export function warningsOf(outcome: Pick<RerankOutcome, "status" | "warnings">): { readonly warnings?: string[] } {
  const told = outcome.warnings.map(({ code, count }) => `${code}: ${count}`)
  if (outcome.status !== "ranked") told.unshift(`status: ${outcome.status}`)
  return told.length > 0 ? { warnings: told } : {}
}

export const warningsField = z.array(z.string()).optional().describe("What was cut, repaired or left undone.")

/** The errors of a dialect that only differ in how a body looks. */
export function errorForms(
  form: (status: number, message: string, requestId: string, problem?: InvalidRequest) => unknown,
  options: {
    readonly byCode?: Readonly<Record<string, number>>
    readonly invalid?: number
    readonly contentType?: string
  } = {},
) {
  const answer = (...given: Parameters<typeof form>): ErrorAnswer => ({
    status: given[0],
    body: form(...given),
    ...(options.contentType === undefined ? {} : { contentType: options.contentType }),
  })
  return {
    error(error: RankineError, requestId: string): ErrorAnswer {
      const { status, message } = outwardError(error, options.byCode)
      return answer(status, message, requestId)
    },
    invalid: (problem: InvalidRequest, requestId: string): ErrorAnswer =>
      answer(options.invalid ?? 400, problem.message, requestId, problem),
    refusal: (status: number, message: string, requestId: string): ErrorAnswer => answer(status, message, requestId),
  }
}

/** Whether a body is an object with this key. */
export function hasKey(body: unknown, ...keys: readonly string[]): boolean {
  return typeof body === "object" && body !== null && keys.some((key) => Object.hasOwn(body, key))
}
