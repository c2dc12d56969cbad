import { describe, expect, it } from "vitest"
import { hydrate, MemoryDocumentStore } from "../../src/core/index.js"
import { fakeRetriever } from "./fake.js"
import { describeReranker } from "./reranker.js"
import { conformanceDocuments, describeRetriever } from "./retriever.js"

describeRetriever("a word counter", (documents) => fakeRetriever(documents))
describeReranker("hydrate", () => hydrate(new MemoryDocumentStore(conformanceDocuments)))

describe("the collection of the suite", () => {
  it("tells the order of UTF-8 bytes from that of UTF-16 units", () => {
    const twins = conformanceDocuments.map((document) => document.id).filter((id) => id.startsWith("twin"))
    const byBytes = twins.toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)))
    expect(byBytes).toEqual(["twin-a", "twin-b", "twin-\uFFFD", "twin-\u{1F980}"])
    expect(twins.toSorted()).not.toEqual(byBytes)
  })
})
