/** What the rerank dialects have in common: the permissive forms of requests, and what stands in their answers. @module */
import * as z from "zod"
import { RankineError } from "../../src/core/index.js"
import type { ErrorAnswer, InvalidRequest } from "../http/route.js"
import type { RerankOutcome } from "../service-types.js"

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

const limit = z.int().min(1).nullish()

/** Every name that clients of one service or another use; the dialect says which of them are its own. */
export const rerankFields = {
  model: z.string().max(512).nullish().describe("A model of this server; the first where it is left out."),
  query: z.string().describe("What is asked."),
  documents: documents.optional(),
  texts: documents.optional(),
  input: documents.optional(),
  top_n: limit,
  top_k: limit,
  return_documents: z.boolean().nullish(),
  return_text: z.boolean().nullish(),
  return_input: z.boolean().nullish(),
  raw_scores: z.boolean().nullish(),
}

export const rerankRequest = z.looseObject(rerankFields)
export type RerankRequest = z.infer<typeof rerankRequest>

export interface PlainDocument {
  readonly text: string
  readonly title?: string
}

/** A request of any dialect, in one form. */
export interface PlainRerank {
  readonly model: string | undefined
  readonly query: string
  readonly documents: readonly PlainDocument[]
  readonly topN: number | undefined
  readonly returnDocuments: boolean
  readonly rawScores: boolean
}

/**
 * Brings a request into one form.
 *
 * @param known whether the dialect's clients mean our models when they name one; the others' `model` is ignored where it is not ours
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
  }
}

export function tokensOf({ usage }: RerankOutcome): number {
  return usage.promptTokens + usage.completionTokens
}

/** What was tolerated, for an answer's `warnings`; nothing where all is well. */
export function warningsOf(outcome: RerankOutcome): { readonly warnings?: readonly string[] } {
  const told = outcome.warnings.map(({ code, count }) => `${code}: ${count}`)
  if (outcome.status !== "ranked") told.unshift(`status: ${outcome.status}`)
  return told.length > 0 ? { warnings: told } : {}
}

export const warningsField = z.array(z.string()).optional().describe("What was cut, repaired or left undone.")

/** By code, as most dialects have it; each may differ. */
export const usualStatus: Readonly<Record<string, number>> = {
  argument: 400,
  configuration: 400,
  data: 400,
  "not-found": 404,
  busy: 429,
  budget: 504,
  aborted: 499,
  network: 502,
  storage: 507,
}

/** What is said of errors whose own words may name what is nobody's business. */
const inwardMessages: Readonly<Record<number, string>> = {
  502: "another service that this server asks did not answer as it should: see the server's log",
  507: "the server's disk does not take it: see the server's log",
}

/** The status of an error, and what may be said of it: our own faults are told in the log only. */
export function outwardError(
  error: RankineError,
  table: Readonly<Record<string, number>> = usualStatus,
): { readonly status: number; readonly message: string } {
  const status = table[error.code] ?? 500
  if (status < 500 || status === 504) return { status, message: error.message }
  return { status, message: inwardMessages[status] ?? "the model failed: see the server's log" }
}

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
