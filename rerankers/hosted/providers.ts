/** What the services ask for and answer, as data. @module */

type Json = Readonly<Record<string, unknown>>

export interface HostedRequest {
  readonly model: string
  readonly query: string
  readonly texts: readonly string[]
}

/** A document's place in the request, and its score. Neither is checked yet. */
export interface HostedScore {
  readonly index: unknown
  readonly score: unknown
}

export interface HostedProvider {
  readonly title: string
  readonly baseUrl: string
  readonly path: string
  /** Environment variables that may hold the key, the first one set counts. */
  readonly keys: readonly string[]
  readonly model: string
  /** Most documents of one request. */
  readonly maxDocuments: number
  /** All documents are asked for: some services return ten where nothing is said. */
  body(request: HostedRequest): Json
  /** Undefined for an answer of another shape. */
  scores(answer: Json): readonly HostedScore[] | undefined
  /** Tokens that the service counted; undefined where it does not say. */
  tokens(answer: Json): number | undefined
}

const entries = (list: unknown, score: string): readonly HostedScore[] | undefined =>
  Array.isArray(list) ? list.map((each: unknown) => ({ index: at(each, "index"), score: at(each, score) })) : undefined

function at(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Json)[key] : undefined
}

const numberAt = (value: unknown, ...keys: readonly string[]): number | undefined => {
  const found = keys.reduce(at, value)
  return typeof found === "number" && Number.isFinite(found) ? found : undefined
}

export const hostedProviders = {
  cohere: {
    title: "Cohere",
    baseUrl: "https://api.cohere.com",
    path: "/v2/rerank",
    keys: ["COHERE_API_KEY", "CO_API_KEY"],
    model: "rerank-v3.5",
    // More than 1000 are taken, and not recommended.
    maxDocuments: 1000,
    body: ({ model, query, texts }) => ({ model, query, documents: texts, top_n: texts.length }),
    scores: (answer) => entries(answer.results, "relevance_score"),
    tokens: (answer) => numberAt(answer, "meta", "tokens", "input_tokens"),
  },
  jina: {
    title: "Jina",
    baseUrl: "https://api.jina.ai",
    path: "/v1/rerank",
    keys: ["JINA_API_KEY"],
    model: "jina-reranker-v2-base-multilingual",
    maxDocuments: 1000,
    body: ({ model, query, texts }) => ({
      model,
      query,
      documents: texts,
      top_n: texts.length,
      return_documents: false,
    }),
    scores: (answer) => entries(answer.results, "relevance_score"),
    tokens: (answer) => numberAt(answer, "usage", "total_tokens"),
  },
  voyage: {
    title: "Voyage",
    baseUrl: "https://api.voyageai.com",
    path: "/v1/rerank",
    keys: ["VOYAGE_API_KEY"],
    model: "rerank-2.5",
    maxDocuments: 1000,
    body: ({ model, query, texts }) => ({
      model,
      query,
      documents: texts,
      top_k: texts.length,
      return_documents: false,
      truncation: true,
    }),
    scores: (answer) => entries(answer.data, "relevance_score"),
    tokens: (answer) => numberAt(answer, "usage", "total_tokens"),
  },
  mixedbread: {
    title: "Mixedbread",
    baseUrl: "https://api.mixedbread.com",
    path: "/v1/reranking",
    keys: ["MXBAI_API_KEY", "MIXEDBREAD_API_KEY"],
    model: "mixedbread-ai/mxbai-rerank-large-v2",
    maxDocuments: 1000,
    body: ({ model, query, texts }) => ({ model, query, input: texts, top_k: texts.length, return_input: false }),
    scores: (answer) => entries(answer.data, "score"),
    tokens: (answer) => numberAt(answer, "usage", "total_tokens") ?? numberAt(answer, "usage", "prompt_tokens"),
  },
} as const satisfies Record<string, HostedProvider>

export type HostedProviderName = keyof typeof hostedProviders
