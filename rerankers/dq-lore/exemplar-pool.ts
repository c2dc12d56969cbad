import { VectorIndex } from "../../retrievers/dense/index.js"
import { RankineError, type RunOptions, throwIfAborted } from "../../src/core/index.js"
import type { EmbeddingModel } from "../../src/models/index.js"

/** A solved question. */
export interface Exemplar {
  readonly id: string
  readonly question: string
  /** With its chain of thought, and the answer at its end. */
  readonly solution: string
}

export interface PoolOptions extends Pick<RunOptions, "signal" | "onProgress"> {
  /** Vectors that were made before, by the same model and of the same exemplars, in their order. */
  readonly vectors?: readonly Float32Array[]
  /** Exemplars that are embedded at once. Default 256. */
  readonly batchSize?: number
}

/** Solved questions, found by their question and solution together. Nearness is the inner product, as in the paper. */
export class ExemplarPool {
  readonly #places: ReadonlyMap<string, number>
  readonly #byQuestion: ReadonlyMap<string, readonly string[]>

  private constructor(
    readonly model: EmbeddingModel,
    readonly exemplars: readonly Exemplar[],
    readonly vectors: readonly Float32Array[],
    /** What embedding them cost. */
    readonly tokens: number,
    private readonly index: VectorIndex,
  ) {
    this.#places = new Map(exemplars.map(({ id }, place) => [id, place]))
    const byQuestion = new Map<string, string[]>()
    for (const { id, question } of exemplars) {
      const key = plain(question)
      const ids = byQuestion.get(key)
      if (ids) ids.push(id)
      else byQuestion.set(key, [id])
    }
    this.#byQuestion = byQuestion
  }

  /** Throws `data` for no exemplars, one without id, question or solution, and two with one id; `argument` for vectors that do not fit. */
  static async build(
    given: Iterable<Exemplar>,
    model: EmbeddingModel,
    options: PoolOptions = {},
  ): Promise<ExemplarPool> {
    const { signal, onProgress, batchSize = 256 } = options
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw new RankineError("argument", `batchSize must be a whole number of at least 1, got ${batchSize}`)
    const exemplars = [...given]
    const ids = new Set<string>()
    exemplars.forEach(({ id, question, solution }, place) => {
      for (const [name, value] of Object.entries({ id, question, solution }))
        if (typeof value !== "string" || value.trim() === "")
          throw new RankineError("data", `exemplar ${place + 1} has no ${name}: give it a text`)
      if (ids.has(id)) throw new RankineError("data", `two exemplars have the id "${id}": give each its own`)
      ids.add(id)
    })
    if (exemplars.length === 0) throw new RankineError("data", "there are no exemplars: give some solved questions")
    const vectors: Float32Array[] = []
    let tokens = 0
    if (options.vectors) {
      if (options.vectors.length !== exemplars.length)
        throw new RankineError(
          "argument",
          `${exemplars.length} exemplars and ${options.vectors.length} vectors: give one for each`,
        )
      vectors.push(...options.vectors)
    } else
      for (let from = 0; from < exemplars.length; from += batchSize) {
        throwIfAborted(signal)
        const texts = exemplars.slice(from, from + batchSize).map(textOf)
        const made = await model.embed(texts, "document", signal ? { signal } : {})
        vectors.push(...made.vectors)
        tokens += made.tokens
        onProgress?.({ stage: "exemplars", done: vectors.length, total: exemplars.length, unit: "exemplars" })
      }
    const index = await VectorIndex.create(model.dimension, { metric: "dot" })
    await index.add(
      exemplars.map(({ id }) => id),
      vectors,
      signal ? { signal } : {},
    )
    return new ExemplarPool(model, exemplars, vectors, tokens, index)
  }

  /** Ids of exemplars that are the question itself: those of its id, and those that ask the same. They tell the answer. */
  ownIds(question: { readonly id?: string; readonly text: string }): readonly string[] {
    const { id, text } = question
    const same = this.#byQuestion.get(plain(text)) ?? []
    return id !== undefined && this.#places.has(id) && !same.includes(id) ? [...same, id] : same
  }

  /** Places of the nearest exemplars, the nearest first, equal ones by id. */
  nearest(
    vector: Float32Array,
    count: number,
    excludedIds: readonly string[] = [],
  ): { readonly place: number; readonly score: number }[] {
    const [hits] = this.index.search([vector], count, { excludedIds: [excludedIds] })
    return hits!.map(({ id, score }) => ({ place: this.#places.get(id)!, score }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.index[Symbol.asyncDispose]()
  }
}

/** What of an exemplar is embedded: the question, then its chain of thought. */
export function textOf({ question, solution }: Pick<Exemplar, "question" | "solution">): string {
  return `${question} ${solution}`
}

function plain(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ").trim()
}
