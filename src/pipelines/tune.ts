/** Chooses the numbers of a pipeline on judged queries: k1 and b of BM25, weights and depth of a fusion. @module */
import type { Dataset } from "../../datasets/dataset.js"
import { type FuseOptions, fuse } from "../../retrievers/fusion/index.js"
import {
  type Document,
  type Pipeline,
  pipeline,
  RankineError,
  type Ranking,
  type Reranker,
  type Retriever,
  type RunOptions,
  throwIfAborted,
} from "../core/index.js"
import { evaluateRankings, type Measure, parseMeasure, percentile } from "../evaluation/index.js"
import { breather } from "./breathe.js"
import { buildPipeline } from "./build.js"
import { type Choice, type CrossValidationOptions, crossValidate, type Trial } from "./cross-validate.js"
import { loadPipeline } from "./parse.js"
import type { PipelineContext } from "./registry.js"
import type { PipelineSpec } from "./schema.js"

/** Parameter → value, such as `{ k1: 0.9, b: 0.4 }` or `{ weights: [0.3, 0.7], depth: 100 }`. */
export type Setting = Readonly<Record<string, number | readonly number[]>>

export interface TuneOptions extends Omit<CrossValidationOptions, "higherIsBetter"> {
  /** What decides. Default `nDCG@10`. */
  readonly measure?: string
  /** Values to try; by default a grid around the usual ones. */
  readonly k1?: readonly number[]
  readonly b?: readonly number[]
  readonly depths?: readonly number[]
  /** Default: the measure's cut-off, or 1000. */
  readonly topK?: number
  readonly indexDirectory?: string
  readonly signal?: AbortSignal
  readonly onProgress?: RunOptions["onProgress"]
}

export interface Tuned {
  readonly measure: string
  readonly queries: number
  /** The setting that the pipeline had before. */
  readonly before: Trial<Setting> & { readonly mean: number }
  readonly choice: Choice<Setting>
  readonly trials: readonly (Trial<Setting> & { readonly mean: number })[]
  /** The pipeline with the chosen setting. */
  readonly spec: PipelineSpec
}

const GRID = { k1: [0.6, 0.9, 1.2, 1.5, 2], b: [0.2, 0.4, 0.6, 0.75, 0.9], depths: [50, 100, 1000] }
const WARM_UP_QUERIES = 10

/**
 * Tries settings on the judged queries of a data set and chooses one by cross-validation. A pipeline whose retriever is `bm25` is tuned in k1
 * and b, one whose retriever is `fuse` in weights and depth; its stages run in every trial. Latencies are of one query per call.
 * Throws `argument` for a pipeline with nothing to tune, and as `crossValidate` does.
 */
export async function tunePipeline(dataset: Dataset, input: unknown, options: TuneOptions = {}): Promise<Tuned> {
  const spec = await loadPipeline(input)
  const measure = parseMeasure(options.measure ?? "nDCG@10", { rel: dataset.relevance.threshold })
  if (dataset.parts)
    throw new RankineError("argument", `${dataset.name} is the mean of several collections: tune on one of them`)
  const documents: Document[] = []
  const reading = options.signal ? { signal: options.signal } : {}
  for await (const document of dataset.documents(reading)) documents.push(document)
  const bench: Bench = { dataset, documents, measure, options, spec }
  const [name] = Object.keys(spec.retriever)
  const trials =
    name === "bm25" ? await tryBm25(bench) : name === "fuse" ? await tryFusion(bench) : nothingToTune(String(name))
  const choice = crossValidate(trials, { ...options, higherIsBetter: measure.higherIsBetter })
  const withMean = (trial: Trial<Setting>) => ({ ...trial, mean: meanOf(trial) })
  return {
    measure: measure.name,
    queries: dataset.queries.length,
    before: withMean(trials[0]!),
    choice,
    trials: trials.map(withMean),
    spec: withSetting(spec, choice.best.setting),
  }
}

interface Bench {
  readonly dataset: Dataset
  readonly documents: readonly Document[]
  readonly measure: Measure
  readonly options: TuneOptions
  readonly spec: PipelineSpec
}

function nothingToTune(name: string): never {
  throw new RankineError("argument", `${name} has nothing to tune: give a pipeline whose retriever is bm25 or fuse`)
}

/** The options of the retriever; its schema has checked them. */
function partOptions<Options = Record<string, unknown>>({ retriever }: PipelineSpec): Options {
  return Object.values(retriever)[0] as Options
}

function withSetting(spec: PipelineSpec, setting: Setting): PipelineSpec {
  const [name] = Object.keys(spec.retriever)
  return { ...spec, retriever: { [name!]: { ...partOptions<object>(spec), ...setting } } }
}

function meanOf({ values }: Trial<Setting>): number {
  let sum = 0
  for (const value of values.values()) sum += value
  return sum / values.size
}

function contextOf({ documents, options }: Bench): PipelineContext {
  const { signal, indexDirectory } = options
  return {
    documents: () => documents,
    ...(signal ? { signal } : {}),
    ...(indexDirectory === undefined ? {} : { indexDirectory }),
  }
}

async function tryBm25(bench: Bench): Promise<Trial<Setting>[]> {
  const given = partOptions(bench.spec)
  if (given.index !== undefined)
    throw new RankineError("argument", "k1 and b of a saved index are settled: leave index out to tune them")
  const first = { k1: (given.k1 as number | undefined) ?? 0.9, b: (given.b as number | undefined) ?? 0.4 }
  const settings: Setting[] = [first]
  for (const k1 of bench.options.k1 ?? GRID.k1)
    for (const b of bench.options.b ?? GRID.b) if (k1 !== first.k1 || b !== first.b) settings.push({ k1, b })
  const trials: Trial<Setting>[] = []
  for (const setting of settings) {
    const built = await buildPipeline(withSetting(bench.spec, setting), contextOf(bench))
    trials.push(await tryOne(built, setting, bench))
    report(bench, trials.length, settings.length)
  }
  return trials
}

async function tryFusion(bench: Bench): Promise<Trial<Setting>[]> {
  const { retrievers: parts, ...given } = partOptions<{ retrievers: unknown[] } & FuseOptions>(bench.spec)
  const context = contextOf(bench)
  const retrievers: Retriever[] = []
  for (const part of parts) retrievers.push(await buildPipeline({ retriever: part }, context))
  // Stages do not depend on the collection: a pipeline over a single document brings them all.
  const { stages } = await buildPipeline(
    { retriever: "bm25", stages: bench.spec.stages },
    { ...context, documents: () => bench.documents.slice(0, 1) },
  )
  const weights = given.weights ?? parts.map(() => 1)
  const takesWeights = weighted(given, retrievers)
  const first = { ...(takesWeights ? { weights } : {}), depth: given.depth ?? 1000 }
  const depths = [...new Set([first.depth, ...(bench.options.depths ?? GRID.depths)])]
  const points = takesWeights ? [weights, ...simplex(parts.length, parts.length <= 3 ? 10 : 4)] : [undefined]
  const deepest = Math.max(...depths)
  const lists = await Promise.all(retrievers.map((retriever) => remember(retriever, bench, deepest)))
  const trials: Trial<Setting>[] = []
  const breathe = breather()
  for (const depth of depths) {
    // Weights do not change how long a fusion takes, so that one timing serves all of them.
    const { p95Ms } = await tryOne(fused(given, { ...first, depth }, retrievers, stages), {}, bench)
    for (const point of points) {
      await breathe()
      const setting: Setting = point ? { weights: point, depth } : { depth }
      const rankings = await fused(given, setting, lists, stages).retrieve(bench.dataset.queries, runOptions(bench))
      trials.push({ setting, values: valuesOf(rankings, bench), p95Ms })
      report(bench, trials.length, depths.length * points.length)
    }
  }
  return trials
}

function fused(
  given: FuseOptions,
  setting: Setting,
  retrievers: readonly Retriever[],
  stages: readonly Reranker[],
): Pipeline {
  return pipeline(fuse({ ...given, ...setting } as FuseOptions, ...retrievers), ...stages)
}

function weighted(given: FuseOptions, retrievers: readonly Retriever[]): boolean {
  try {
    fuse({ ...given, weights: retrievers.map(() => 1) }, ...retrievers)
    return true
  } catch {
    return false
  }
}

/** Asks a retriever once for everything, and answers from memory after that. */
async function remember(retriever: Retriever, bench: Bench, depth: number): Promise<Retriever> {
  const rankings = await retriever.retrieve(bench.dataset.queries, { ...runOptions(bench), topK: depth })
  const byQuery = new Map(rankings.map((ranking) => [ranking.query.id, ranking]))
  return {
    name: retriever.name,
    ...(retriever.documents ? { documents: retriever.documents } : {}),
    retrieve: async (queries, { topK = depth } = {}) =>
      queries.map(({ id }) => {
        const ranking = byQuery.get(id)!
        return { ...ranking, hits: ranking.hits.slice(0, topK) }
      }),
  }
}

/** All points with coordinates that are multiples of 1 / parts and add up to 1. */
function simplex(dimensions: number, parts: number): number[][] {
  const points: number[][] = []
  const fill = (point: number[], left: number): void => {
    if (point.length === dimensions - 1) {
      points.push([...point, left].map((part) => part / parts))
      return
    }
    for (let part = 0; part <= left; part++) fill([...point, part], left - part)
  }
  fill([], parts)
  return points
}

async function tryOne(retriever: Retriever, setting: Setting, bench: Bench): Promise<Trial<Setting>> {
  const { queries } = bench.dataset
  const run = runOptions(bench)
  for (const query of queries.slice(0, WARM_UP_QUERIES)) await retriever.retrieve([query], run)
  const rankings: Ranking[] = []
  const latencies = new Float64Array(queries.length)
  const breathe = breather()
  for (const [place, query] of queries.entries()) {
    await breathe()
    throwIfAborted(run.signal)
    const started = performance.now()
    const [ranking] = await retriever.retrieve([query], run)
    latencies[place] = performance.now() - started
    rankings.push(ranking!)
  }
  return { setting, values: valuesOf(rankings, bench), p95Ms: percentile(latencies.sort(), 0.95) }
}

function runOptions({ measure, options }: Bench): RunOptions {
  const { cutoff } = measure.parameters
  return {
    topK: options.topK ?? (Number.isFinite(cutoff) ? cutoff : 1000),
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  }
}

function valuesOf(rankings: readonly Ranking[], { dataset, measure }: Bench): Map<string, number> {
  const { perQuery } = evaluateRankings(rankings, dataset.qrels, [measure])
  return new Map([...perQuery].map(([query, values]) => [query, values[measure.name]!]))
}

function report({ options }: Bench, done: number, total: number): void {
  options.onProgress?.({ stage: "tune", done, total, unit: "settings" })
}
