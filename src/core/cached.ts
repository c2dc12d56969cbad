import { type Reranker, type Retriever, type RunOptions, resolveTopK } from "./contracts.js"
import type { Query } from "./document.js"
import { throwIfAborted } from "./errors.js"
import { mergeWarnings, type Ranking, type Warning } from "./ranking.js"
import { describePart } from "./stage.js"

/** Where results are kept. A Map fits; so does anything that survives the process. */
export interface RankingCache {
  get(key: string): Ranking | undefined
  set(key: string, ranking: Ranking): unknown
}

/** Keeps the `capacity` rankings used last. */
export class MemoryCache implements RankingCache {
  readonly #entries = new Map<string, Ranking>()

  constructor(readonly capacity = 10_000) {}

  get(key: string): Ranking | undefined {
    const ranking = this.#entries.get(key)
    if (ranking) {
      this.#entries.delete(key)
      this.#entries.set(key, ranking)
    }
    return ranking
  }

  set(key: string, ranking: Ranking): void {
    this.#entries.delete(key)
    this.#entries.set(key, ranking)
    if (this.#entries.size > this.capacity) this.#entries.delete(this.#entries.keys().next().value!)
  }
}

/**
 * Answers from the cache what was asked before. The key holds the part's description, the query's text, instruction and
 * exclusions, the options that change a result, and for a reranker the ids, scores and texts that came in. Only rankings with status
 * `ranked` are kept, so that a failure or a cut-off is never repeated from memory. A cached ranking has `usage.calls` 0 and costs no tokens.
 * An index that changes must be given a new cache.
 */
export function cached(part: Retriever, cache?: RankingCache): Retriever
export function cached(part: Reranker, cache?: RankingCache): Reranker
export function cached(part: Retriever | Reranker, cache: RankingCache = new MemoryCache()): Retriever | Reranker {
  const name = `cached(${part.name})`
  const describe = () => ({ name: "cached", stage: describePart(part) })
  if ("retrieve" in part)
    return {
      name,
      ...(part.documents ? { documents: part.documents } : {}),
      describe,
      async retrieve(queries, options = {}) {
        // Checked here, because a remembered answer would pass over what the retriever refuses.
        resolveTopK(options)
        return throughCache(
          cache,
          queries,
          options,
          (query) => key(part, query, options, []),
          (some) => part.retrieve(some, options),
          (fresh) => fresh,
          (kept, query) => ({ ...kept, query }),
        )
      },
    }
  return {
    name,
    needs: part.needs,
    describe,
    rerank: (rankings, options = {}) =>
      throughCache(
        cache,
        rankings,
        options,
        (ranking) => key(part, ranking.query, options, inputOf(ranking)),
        (some) => part.rerank(some, options),
        (fresh, ranking) => ({ ...fresh, warnings: addedWarnings(fresh.warnings, ranking.warnings) }),
        onTopOf,
      ),
  }
}

/** What a reranker can see of a ranking. */
function inputOf({ scoreKind, hits }: Ranking): unknown {
  return [
    scoreKind,
    hits.map(({ id, score, document }) => [id, score, document?.title, document?.text, document?.parentId]),
  ]
}

/** A remembered order on what came in now: status, traces, costs and warnings of the stages before this one are those of this call. */
function onTopOf(kept: Ranking, ranking: Ranking): Ranking {
  const { query, stages, usage, status, error } = ranking
  const before = status === "ranked" ? {} : { status, ...(error ? { error } : {}) }
  return { ...kept, query, stages, usage, ...before, warnings: mergeWarnings(ranking.warnings, kept.warnings) }
}

/** The warnings of `after` without those that came in. */
function addedWarnings(after: readonly Warning[], before: readonly Warning[]): Warning[] {
  const earlier = mergeWarnings(before)
  return mergeWarnings(after).flatMap((warning): Warning[] => {
    const known = earlier.find(({ code }) => code === warning.code)
    const count = warning.count - (known?.count ?? 0)
    if (count <= 0) return []
    const ids = warning.ids?.slice(known?.ids?.length ?? 0)
    return [{ code: warning.code, count, ...(ids && ids.length > 0 ? { ids } : {}) }]
  })
}

function key(part: Retriever | Reranker, query: Query, options: RunOptions, input: unknown): string {
  const { topK, seed, budget, explain, filter } = options
  return JSON.stringify([
    describePart(part),
    query.text,
    query.instruction,
    query.excludedIds,
    topK,
    seed,
    budget,
    explain,
    typeof filter === "function" ? filterId(filter) : filter,
    input,
  ])
}

const filterIds = new WeakMap<object, number>()
let nextFilterId = 0

/** A function has no text that could stand for it: the same function object is the same filter. */
function filterId(filter: object): string {
  if (!filterIds.has(filter)) filterIds.set(filter, nextFilterId++)
  return `function ${filterIds.get(filter)}`
}

async function throughCache<Item>(
  cache: RankingCache,
  items: readonly Item[],
  options: RunOptions,
  keyOf: (item: Item) => string,
  run: (some: readonly Item[]) => Promise<Ranking[]>,
  strip: (fresh: Ranking, item: Item) => Ranking,
  adapt: (kept: Ranking, item: Item) => Ranking,
): Promise<Ranking[]> {
  throwIfAborted(options.signal)
  const keys = items.map(keyOf)
  const results = keys.map((entry) => cache.get(entry))
  const missing = results.flatMap((ranking, index) => (ranking ? [] : [index]))
  if (missing.length > 0) {
    const fresh = await run(missing.map((index) => items[index]!))
    missing.forEach((index, position) => {
      const ranking = fresh[position]!
      if (ranking.status === "ranked" && ranking.final)
        cache.set(keys[index]!, {
          ...strip(ranking, items[index]!),
          usage: { ...ranking.usage, calls: 0, promptTokens: 0, cachedTokens: 0, completionTokens: 0, seconds: 0 },
        })
    })
    const isMissing = new Set(missing)
    let next = 0
    return results.map((ranking, index) => (isMissing.has(index) ? fresh[next++]! : adapt(ranking!, items[index]!)))
  }
  return results.map((ranking, index) => adapt(ranking!, items[index]!))
}
