import { setImmediate } from "node:timers/promises"
import {
  compareHits,
  compileFilter,
  type Description,
  type Document,
  type DocumentStore,
  emptyRanking,
  type Hit,
  type OnProgress,
  type Query,
  RankineError,
  type Ranking,
  type Retriever,
  type RunOptions,
  resolveTopK,
  throwIfAborted,
  type Warning,
} from "../../src/core/index.js"
import { addDocument, checkDocument } from "./build.js"
import { checkIndex } from "./check.js"
import { StoredDocuments } from "./documents.js"
import { explainScore } from "./explain.js"
import { readIndex, writeIndex } from "./files.js"
import { type LibraryIndex, library, type SearchConfig } from "./library.js"
import { fromReference, isInherited, toReference } from "./references.js"

export interface ElasticlunrSearchOptions {
  /** Field → boost; a field with boost 0 is not searched. Default: every indexed field, boost 1. */
  readonly fields?: Readonly<Record<string, number>>
  /** Whether a field matches with any word of the query or only with all of them. Default `OR`. */
  readonly bool?: "OR" | "AND"
  /** Also match longer words that begin with a word of the query. Default false. */
  readonly expand?: boolean
}

export interface ElasticlunrBuildOptions extends ElasticlunrSearchOptions {
  /** Property of the stored documents that holds the id. Default `id`. */
  readonly ref?: string
  /** Labels of the functions that words pass through. Default trimmer, stopWordFilter, stemmer, which are made for English. */
  readonly pipeline?: readonly string[]
  /** Keep the documents in the index. Without them hits have no text, and filters cannot be used. Default true. */
  readonly storeDocuments?: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: OnProgress
}

export interface ElasticlunrLoadOptions extends ElasticlunrSearchOptions {
  /** Which property of a stored document is its title and which its text. Default `title` and `text`, or `body` where there is no `text`. */
  readonly titleField?: string
  readonly textField?: string
}

/**
 * The elasticlunr library (0.9.5) as a retriever, for indexes that web pages use. Scores are the library's (tf-idf with length
 * norms and boosts, kind `dot`); equal scores are ordered by id, and excluded ids and filters are applied before the top k is taken.
 */
export class ElasticlunrRetriever implements Retriever {
  readonly name = "elasticlunr"
  readonly documents?: DocumentStore
  /** What was tolerated while building or loading: `empty-document`, `repaired`. */
  readonly warnings: readonly Warning[]
  readonly #index: LibraryIndex
  readonly #stored: StoredDocuments | undefined
  readonly #config: SearchConfig

  private constructor(
    index: LibraryIndex,
    stored: StoredDocuments | undefined,
    search: ElasticlunrSearchOptions,
    warnings: readonly Warning[],
  ) {
    this.#index = index
    this.#stored = stored
    if (stored) this.documents = stored
    this.#config = searchConfig(index.getFields(), search)
    this.warnings = warnings
  }

  /**
   * Indexes documents. `fields` names what is indexed (`title`, `text`, or names of `Document.fields`) and how much it counts.
   * Throws `data` for an empty collection, a document without id or text, or an id that occurs twice; `argument` for impossible options.
   */
  static async build(
    documents: Iterable<Document> | AsyncIterable<Document>,
    options: ElasticlunrBuildOptions = {},
  ): Promise<ElasticlunrRetriever> {
    const { ref = "id", storeDocuments = true, signal, onProgress } = options
    const fields = Object.keys(options.fields ?? { title: 1, text: 1 })
    const index = new library.Index().setRef(ref).saveDocument(storeDocuments)
    for (const field of fields) {
      if (isInherited(field) || field === ref)
        throw new RankineError("argument", `"${field}" cannot be the name of an indexed field: rename it`)
      index.addField(field)
    }
    for (const label of options.pipeline ?? ["trimmer", "stopWordFilter", "stemmer"]) {
      const known = isInherited(label) ? null : library.Pipeline.getRegisteredFunction(label)
      if (!known)
        throw new RankineError(
          "argument",
          `unknown pipeline function "${label}": use trimmer, stopWordFilter or stemmer, or registerPipelineFunction first`,
        )
      index.pipeline.add(known)
    }
    const empty: string[] = []
    let done = 0
    for await (const document of documents) {
      checkDocument(document, done, index)
      if (addDocument(index, document, ref, fields, storeDocuments) === 0) empty.push(document.id)
      if (++done % 256 === 0) {
        throwIfAborted(signal)
        onProgress?.({ stage: "index", done, unit: "documents" })
        await setImmediate()
      }
    }
    throwIfAborted(signal)
    if (done === 0)
      throw new RankineError("data", "there are no documents to index: check the path and the file's format")
    onProgress?.({ stage: "index", done, total: done, unit: "documents" })
    const stored = storeDocuments ? new StoredDocuments(index, { ref, title: "title", text: "text" }) : undefined
    const warnings: Warning[] = empty.length > 0 ? [{ code: "empty-document", count: empty.length, ids: empty }] : []
    return new ElasticlunrRetriever(index, stored, options, warnings)
  }

  /**
   * Takes an index as elasticlunr serialises it: the parsed JSON or its text. What is parsed already becomes part of the retriever; do not change it.
   * Throws `data` for what is not such an index, `index-version` for another library version.
   */
  static fromJSON(json: unknown, options: ElasticlunrLoadOptions = {}): ElasticlunrRetriever {
    return ElasticlunrRetriever.#fromJSON(json, options, "the JSON")
  }

  /** Reads an index file. Throws `not-found` and `storage` besides what `fromJSON` throws. */
  static async load(file: string, options: ElasticlunrLoadOptions = {}): Promise<ElasticlunrRetriever> {
    return ElasticlunrRetriever.#fromJSON(await readIndex(file), options, file)
  }

  static #fromJSON(json: unknown, options: ElasticlunrLoadOptions, source: string): ElasticlunrRetriever {
    let data = json
    if (typeof json === "string")
      try {
        data = JSON.parse(json)
      } catch (cause) {
        throw new RankineError(
          "data",
          `${source} is not JSON: ${(cause as Error).message}. Write it again with save()`,
          {
            cause,
          },
        )
      }
    const mended = checkIndex(data, source)
    const index = library.Index.load(data)
    const { ref } = data as { ref: string }
    const docs = Object.values(index.documentStore.docs)
    const stored = docs.length > 0 && docs.every((document) => document !== null)
    const hasText = docs.some((document) => document && Object.hasOwn(document, "text"))
    const shape = { ref, title: options.titleField ?? "title", text: options.textField ?? (hasText ? "text" : "body") }
    const warnings: Warning[] = mended > 0 ? [{ code: "repaired", count: mended }] : []
    return new ElasticlunrRetriever(index, stored ? new StoredDocuments(index, shape) : undefined, options, warnings)
  }

  /** The index as elasticlunr serialises it: `elasticlunr.Index.load(JSON.parse(text))` reads it in a page. */
  toJSON(): unknown {
    return this.#index.toJSON()
  }

  /** Writes the index file, whole or not at all. Throws `storage`. */
  async save(file: string): Promise<void> {
    await writeIndex(file, this.#index)
  }

  async retrieve(queries: readonly Query[], options: RunOptions = {}): Promise<Ranking[]> {
    const topK = resolveTopK(options)
    throwIfAborted(options.signal)
    const filter = options.filter === undefined ? undefined : compileFilter(options.filter)
    if (filter && !this.#stored)
      throw new RankineError(
        "argument",
        "this elasticlunr index holds no documents to filter: build it with storeDocuments: true",
      )
    const rankings: Ranking[] = []
    let rested = performance.now()
    for (const query of queries) {
      throwIfAborted(options.signal)
      rankings.push(this.#retrieveOne(query, topK, filter, options))
      // The library computes without a pause; a signal or a server's other requests must get their turn.
      if (performance.now() - rested > 20) {
        await setImmediate()
        rested = performance.now()
      }
    }
    return rankings
  }

  #retrieveOne(
    query: Query,
    topK: number,
    filter: ((document: Document) => boolean) | undefined,
    options: RunOptions,
  ): Ranking {
    const started = performance.now()
    const excluded = new Set(query.excludedIds)
    const tokens = this.#index.pipeline.run(library.tokenizer(query.text))
    const hits: Hit[] = []
    for (const { ref, score } of this.#index.search(query.text, this.#config)) {
      const id = fromReference(ref)
      if (excluded.has(id)) continue
      if (filter && !filter(this.#stored!.one(id)!)) continue
      hits.push({ id, score, source: this.name })
    }
    const found = hits.sort(compareHits).slice(0, topK)
    const seconds = (performance.now() - started) / 1000
    const base = emptyRanking(query, "dot")
    return {
      ...base,
      hits: options.explain ? found.map((hit) => this.#explained(hit, tokens)) : found,
      warnings: this.#queryWarnings(query, tokens),
      usage: { ...base.usage, seconds },
    }
  }

  #explained(hit: Hit, tokens: readonly string[]): Hit {
    const explanation = explainScore(this.#index, tokens, toReference(hit.id), hit.score, this.#config)
    return { ...hit, explanation }
  }

  #queryWarnings(query: Query, tokens: readonly string[]): Warning[] {
    if (query.text.trim() === "") return [{ code: "empty-query", count: 1 }]
    const known = Object.entries(this.#config.fields).some(([field, { expand }]) => {
      const inverted = this.#index.index[field]!
      return tokens.some((token) => {
        const words = expand ? inverted.expandToken(token) : [token]
        return words.some((word) => Object.keys(inverted.getDocs(word)).length > 0)
      })
    })
    return known ? [] : [{ code: "no-known-terms", count: 1 }]
  }

  describe(): Description {
    return {
      name: "elasticlunr",
      version: library.version,
      fields: Object.fromEntries(Object.entries(this.#config.fields).map(([field, { boost }]) => [field, boost])),
      bool: Object.values(this.#config.fields)[0]!.bool,
      expand: Object.values(this.#config.fields)[0]!.expand,
      pipeline: this.#index.pipeline.toJSON(),
      documents: this.#index.documentStore.length,
    }
  }
}

function searchConfig(indexed: readonly string[], search: ElasticlunrSearchOptions): SearchConfig {
  const { bool = "OR", expand = false } = search
  if (bool !== "OR" && bool !== "AND") throw new RankineError("argument", `bool must be "OR" or "AND", got "${bool}"`)
  const boosts = search.fields ?? Object.fromEntries(indexed.map((field) => [field, 1]))
  const entries = Object.entries(boosts)
  if (entries.length === 0) throw new RankineError("argument", "name at least one field: fields: { title: 2, text: 1 }")
  return {
    fields: Object.fromEntries(
      entries.map(([field, boost]) => {
        if (!indexed.includes(field))
          throw new RankineError("argument", `the index has no field "${field}": it has ${indexed.join(", ")}`)
        if (!(Number.isFinite(boost) && boost >= 0))
          throw new RankineError("argument", `the boost of "${field}" must be a number of at least 0, got ${boost}`)
        return [field, { boost, bool, expand }]
      }),
    ),
  }
}
