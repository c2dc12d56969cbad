import { CohereRerank } from "@langchain/cohere"
import { Document } from "@langchain/core/documents"
import { CohereRerank as LlamaIndexRerank } from "@llamaindex/cohere"
import { TextNode } from "@llamaindex/core/schema"
import { CohereClient, CohereClientV2 } from "cohere-ai"
import OpenAI from "openai"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type RunningServer, startServer } from "../../../server/index.js"
import { openLog } from "../../../server/observe/log.js"
import { embed, rerank } from "../../../src/index.js"

const query = "how do birds sleep?"
const documents = ["Heat pumps move warmth.", "Swifts sleep while they fly.", "Owls are awake at night."]

describe("clients of other services, unmodified", () => {
  let server: RunningServer
  let expected: number[]
  beforeAll(async () => {
    server = await startServer({ port: 0 }, { log: openLog("silent") })
    expected = (await rerank(query, documents)).hits.map(({ index }) => index)
  })
  afterAll(() => server.close())

  it("Cohere's client, second version", async () => {
    for (const environment of [server.url, `${server.url}/cohere`]) {
      const client = new CohereClientV2({ token: "none", environment })
      const answer = await client.rerank({ model: "default", query, documents, topN: 2 })
      expect(answer.results.map(({ index }) => index)).toEqual(expected.slice(0, 2))
      expect(answer.meta?.billedUnits?.searchUnits).toBe(1)
    }
    const client = new CohereClientV2({ token: "none", environment: server.url, maxRetries: 0 })
    const missing = client.rerank({ model: "nothing", query, documents })
    await expect(missing).rejects.toMatchObject({ statusCode: 404 })
  })

  it("Cohere's client, first version", async () => {
    const client = new CohereClient({ token: "none", environment: `${server.url}/cohere` })
    const answer = await client.rerank({ model: "default", query, documents, returnDocuments: true })
    expect(answer.results.map(({ index }) => index)).toEqual(expected)
    expect(answer.results[0]?.document?.text).toBe(documents[expected[0]!])
  })

  it("OpenAI's client: vectors as numbers and as base64, models", async () => {
    const client = new OpenAI({ apiKey: "none", baseURL: `${server.url}/v1`, maxRetries: 0 })
    const { vectors } = await embed(documents)
    for (const encoding_format of ["float", "base64"] as const) {
      const answer = await client.embeddings.create({ model: "default", input: documents, encoding_format })
      const given = answer.data.map(({ embedding }) =>
        typeof embedding === "string"
          ? [...new Float32Array(Uint8Array.from(Buffer.from(embedding, "base64")).buffer)]
          : embedding,
      )
      expect(given).toEqual(vectors.map((vector) => [...vector]))
    }
    const plain = await client.embeddings.create({ model: "default", input: "heat" })
    expect(plain.data[0]?.embedding).toHaveLength(vectors[0]!.length)
    expect((await client.models.list()).data.map(({ id }) => id)).toContain("default")
    await expect(client.embeddings.create({ model: "nothing", input: "a" })).rejects.toMatchObject({ status: 404 })
  })

  it("LangChain's reranker", async () => {
    const client = new CohereClient({ token: "none", environment: `${server.url}/cohere` })
    const reranker = new CohereRerank({ client: client as never, model: "default", topN: 2 })
    const ranked = await reranker.compressDocuments(
      documents.map((pageContent) => new Document({ pageContent })),
      query,
    )
    expect(ranked.map(({ pageContent }) => documents.indexOf(pageContent))).toEqual(expected.slice(0, 2))
    expect(ranked[0]!.metadata.relevanceScore).toBeGreaterThan(0)
  })

  it("LlamaIndex's reranker", async () => {
    const reranker = new LlamaIndexRerank({
      apiKey: "none",
      baseUrl: `${server.url}/cohere`,
      model: "default",
      topN: 3,
    } as never)
    const nodes = documents.map((text) => ({ node: new TextNode({ text }), score: 0 }))
    const ranked = await reranker.postprocessNodes(nodes as never, query)
    expect(ranked.map(({ node }) => documents.indexOf((node as unknown as TextNode).text))).toEqual(expected)
  })
})
