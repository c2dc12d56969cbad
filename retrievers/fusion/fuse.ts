import {
  addUsage,
  DEFAULT_TOP_K,
  type Document,
  type DocumentStore,
  describePart,
  emptyRanking,
  mergeWarnings,
  noUsage,
  type Query,
  RankineError,
  type Ranking,
  type RankingStatus,
  type Retriever,
  type RunOptions,
  resolveTopK,
  retrieveMarking,
  throwIfAborted,
  toRankineError,
  traceStage,
} from "../../src/core/index.js"
import { fuseLists } from "./kernel.js"
import { checkScoreKinds, type FusionSpec, type ResolvedSpec, resolveSpec, scoreKindOf } from "./spec.js"

export interface FuseOptions extends FusionSpec {
  /** How many hits are taken from each retriever. Default: 1000, or `topK` where that is more. */
  readonly depth?: number
}

/**
 * One retriever out of several: `fuse(bm25, dense)`, or `fuse({ method: "wsum", norm: "min-max", weights: [0.3, 0.7] }, bm25, dense)`.
 * All are asked at the same time and their lists fused, by default by reciprocal ranks.
 *
 * Under `onError: "mark"` a query that one retriever fails on is fused from the others: status `partial`, the error kept, warning
 * `failed-retriever`; it is `failed` where all fail. Scores of fusions by rank are `ordinal`, and fusing by score refuses such (`score-kind`).
 * Throws `argument` for options that make no sense.
 */
export function fuse(...retrievers: readonly Retriever[]): Retriever
export function fuse(options: FuseOptions, ...retrievers: readonly Retriever[]): Retriever
export function fuse(first: Retriever | FuseOptions, ...others: readonly Retriever[]): Retriever {
  const given = first !== undefined && "retrieve" in first
  const options: FuseOptions = given ? {} : (first ?? {})
  const retrievers = given ? [first, ...others] : others
  if (retrievers.length === 0)
    throw new RankineError("argument", "fuse needs at least one retriever: fuse(bm25, dense)")
  if (options.depth !== undefined && !(Number.isInteger(options.depth) && options.depth >= 1))
    throw new RankineError("argument", `depth must be a whole number of at least 1, got ${options.depth}`)
  const spec = resolveSpec(options, retrievers.length)
  const names = distinctNames(retrievers)
  const name = `${spec.name}(${retrievers.map((retriever) => retriever.name).join(", ")})`
  const documents = combinedStore(retrievers)
  return {
    name,
    ...(documents ? { documents } : {}),
    async retrieve(queries, run = {}) {
      throwIfAborted(run.signal)
      const topK = resolveTopK(run)
      const lists = await askAll(retrievers, queries, { ...run, topK: options.depth ?? Math.max(topK, DEFAULT_TOP_K) })
      return queries.map((query, index) => {
        const started = performance.now()
        const rankings = lists.map((list) => list[index]!)
        const ranking = fuseQuery(query, rankings, spec, names, run)
        const hits = ranking.hits.slice(0, topK)
        const seconds = (performance.now() - started) / 1000
        const inputs = rankings.flatMap((part, list) => partStages(part, names[list]!, run))
        const trace = traceStage(name, rankings[0]!.hits, hits, seconds, run.explain)
        const input = rankings.reduce((sum, part) => sum + part.hits.length, 0)
        return { ...ranking, hits, stages: [...inputs, { ...trace, input }], usage: fusedUsage(rankings, seconds) }
      })
    },
    describe: () => ({
      name: "fuse",
      method: spec.name,
      ...(spec.method.normalised ? { norm: spec.norm } : {}),
      ...(spec.method.weighted ? { weights: spec.weights } : {}),
      ...Object.fromEntries(spec.method.parameters.map((parameter) => [parameter, spec.parameters[parameter]])),
      ...(spec.saturation === undefined ? {} : { saturation: spec.saturation }),
      depth: options.depth ?? DEFAULT_TOP_K,
      retrievers: retrievers.map(describePart),
    }),
  }
}

/** Two retrievers with the same name are told apart by a number. */
function distinctNames(retrievers: readonly Retriever[]): string[] {
  const seen = new Map<string, number>()
  return retrievers.map(({ name }) => {
    const count = (seen.get(name) ?? 0) + 1
    seen.set(name, count)
    return count === 1 ? name : `${name} #${count}`
  })
}

/** Asks each store for what the ones before it did not hold. */
function combinedStore(retrievers: readonly Retriever[]): DocumentStore | undefined {
  const stores = [...new Set(retrievers.flatMap((retriever) => retriever.documents ?? []))]
  if (stores.length <= 1) return stores[0]
  return {
    async get(ids, signal) {
      const found = new Map<string, Document>()
      for (const store of stores) {
        const missing = ids.filter((id) => !found.has(id))
        if (missing.length === 0) break
        for (const document of await store.get(missing, signal)) if (document) found.set(document.id, document)
      }
      return ids.map((id) => found.get(id))
    },
  }
}

/** The first failure stops the other retrievers. */
async function askAll(
  retrievers: readonly Retriever[],
  queries: readonly Query[],
  options: RunOptions,
): Promise<Ranking[][]> {
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  try {
    return await Promise.all(
      retrievers.map(async (retriever) => {
        const rankings = await retrieveMarking(retriever, queries, { ...options, signal })
        if (rankings.length !== queries.length)
          throw new RankineError(
            "internal",
            `${retriever.name} was given ${queries.length} queries and returned ${rankings.length} rankings`,
          )
        return rankings
      }),
    )
  } catch (thrown) {
    stop.abort()
    throw thrown
  }
}

function fuseQuery(
  query: Query,
  rankings: readonly Ranking[],
  spec: ResolvedSpec,
  names: readonly string[],
  options: RunOptions,
): Ranking {
  const alive = rankings.filter((ranking) => ranking.status !== "failed")
  const failed = rankings.flatMap((ranking, list) => (ranking.status === "failed" ? [names[list]!] : []))
  const error = rankings.find((ranking) => ranking.error)?.error
  const warnings = mergeWarnings(
    ...rankings.map((ranking) => ranking.warnings),
    failed.length > 0 ? [{ code: "failed-retriever", count: failed.length, ids: failed }] : [],
  )
  const base = { ...emptyRanking(query, "ordinal"), warnings, ...(error ? { error } : {}) }
  if (alive.length === 0) return { ...base, status: "failed" }
  try {
    const kinds = alive.map((ranking) => ranking.scoreKind)
    const aliveNames = rankings.flatMap((ranking, list) => (ranking.status === "failed" ? [] : [names[list]!]))
    const weights = spec.weights.filter((_, list) => rankings[list]!.status !== "failed")
    // Where only lists of weight 0 are left, they are all there is.
    const usable = weights.some((weight) => weight > 0) ? weights : weights.map(() => 1)
    checkScoreKinds(spec, kinds, aliveNames)
    const fused = fuseLists(
      alive.map((ranking) => ranking.hits),
      { ...spec, weights: usable },
      { names: aliveNames, explain: options.explain ?? false },
    )
    return {
      ...base,
      hits: fused.hits,
      scoreKind: scoreKindOf(spec, kinds),
      status: failed.length > 0 ? "partial" : worstStatus(alive),
      warnings: mergeWarnings(warnings, fused.warnings),
    }
  } catch (thrown) {
    const failure = toRankineError(thrown)
    if (options.onError !== "mark") throw failure
    return { ...base, status: "failed", error: failure }
  }
}

function worstStatus(rankings: readonly Ranking[]): RankingStatus {
  for (const status of ["partial", "fallback"] as const)
    if (rankings.some((ranking) => ranking.status === status)) return status
  return "ranked"
}

/** The stages of one list, so that `explain` can show a hit's rank in each. */
function partStages(ranking: Ranking, name: string, options: RunOptions): Ranking["stages"] {
  const stages =
    ranking.stages.length > 0
      ? ranking.stages.map((trace) => ({ ...trace, stage: trace.stage === name ? name : `${name} / ${trace.stage}` }))
      : [traceStage(name, [], ranking.hits, ranking.usage.seconds, options.explain)]
  return stages
}

/** Calls and tokens add up; the retrievers run side by side, so the slowest one gives the time. */
function fusedUsage(rankings: readonly Ranking[], seconds: number): Ranking["usage"] {
  const total = rankings.reduce((sum, ranking) => addUsage(sum, ranking.usage), noUsage)
  return { ...total, seconds: Math.max(...rankings.map((ranking) => ranking.usage.seconds)) + seconds }
}
