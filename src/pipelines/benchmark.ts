/** Measures a pipeline on a judged collection: quality, time, memory. @module */
import { meanOfParts } from "../../datasets/composite.js"
import type { Dataset } from "../../datasets/dataset.js"
import {
  addUsage,
  type Description,
  type Document,
  describePart,
  mergeWarnings,
  type OnProgress,
  type Query,
  type Ranking,
  type Retriever,
  type RunOptions,
  throwIfAborted,
} from "../core/index.js"
import {
  type BenchmarkResult,
  type Evaluation,
  evaluateRankings,
  type Measure,
  percentile,
  RESULT_SCHEMA,
} from "../evaluation/index.js"
import { breather } from "./breathe.js"
import { machine, peakMemoryBytes, versions } from "./environment.js"

/** What a benchmark gives to whoever builds the retriever. */
export interface BenchmarkContext {
  /** The collection's documents. May be read more than once; reading counts as loading, the rest of the build as indexing. */
  documents(): AsyncIterable<Document>
  readonly dataset: Dataset
  readonly signal?: AbortSignal
  readonly onProgress?: OnProgress
}

export interface BenchmarkOptions {
  /** Default: those that published results on the data set use. Measures that do not name `rel` take the data set's threshold. */
  readonly measures?: readonly (string | Measure)[]
  /** Default 1000. */
  readonly topK?: number
  readonly seed?: number
  readonly signal?: AbortSignal
  readonly onProgress?: OnProgress
  /** What opening the data set took; added to `loadSeconds`. */
  readonly openSeconds?: number
  /** A name for the pipeline, instead of its own. */
  readonly name?: string
}

export interface Benchmark {
  readonly result: BenchmarkResult
  /** One ranking per judged query; of a data set of several parts, query ids are `part/query`. */
  readonly rankings: readonly Ranking[]
}

/** Queries run one at a time before latencies are taken, so that code is compiled and caches are filled. */
const WARM_UP_QUERIES = 20
/** One latency per query, until this much time has gone: a slow pipeline is not run twice over everything. */
const LATENCY_SECONDS = 20

/**
 * Builds a retriever over a data set, runs the judged queries of its split, and evaluates the rankings.
 *
 * Throughput (`queriesPerSecond`, `querySeconds`) is of one call with all queries, from their text to their rankings. Latencies
 * are of one query per call, after a warm-up of 20. A query that fails is marked and counted, and does not stop the others.
 * A data set of several parts is run part by part; measures are the mean over the parts, as published results have it.
 * Throws what building throws, `argument` for unknown measures, `aborted`.
 */
export async function runBenchmark(
  dataset: Dataset,
  build: (context: BenchmarkContext) => Promise<Retriever>,
  options: BenchmarkOptions = {},
): Promise<Benchmark> {
  const parts: Part[] = []
  for (const part of dataset.parts ?? [dataset]) parts.push(await runPart(part, build, options))
  const single = parts.length === 1 && !dataset.parts
  const prefix = (part: Part, id: string) => (single ? id : `${part.dataset.name}/${id}`)
  const sum = (of: (part: Part) => number) => parts.reduce((total, part) => total + of(part), 0)
  const latencies = parts.flatMap(({ latenciesMs }) => latenciesMs)
  const sorted = Float64Array.from(latencies).sort()
  const at = (fraction: number) => (sorted.length > 0 ? percentile(sorted, fraction) : 0)
  const querySeconds = sum((part) => part.querySeconds)
  const queries = sum((part) => part.rankings.length)
  const evaluations = parts.map(({ evaluation }) => evaluation)
  const result: BenchmarkResult = {
    schema: RESULT_SCHEMA,
    dataset: {
      name: dataset.name,
      split: dataset.split,
      documents: sum((part) => part.documents),
      queries: dataset.allQueries,
      judgedQueries: sum(({ evaluation }) => evaluation.queries),
    },
    pipeline: { ...flat(parts[0]!.description), ...(options.name ? { name: options.name } : {}) },
    measures: meanOfParts(evaluations.map(({ measures }) => measures)),
    perQuery: Object.fromEntries(
      parts.flatMap((part) => [...part.evaluation.perQuery].map(([id, values]) => [prefix(part, id), values])),
    ),
    status: {
      ranked: sum(({ evaluation }) => evaluation.status.ranked),
      partial: sum(({ evaluation }) => evaluation.status.partial),
      fallback: sum(({ evaluation }) => evaluation.status.fallback),
      failed: sum(({ evaluation }) => evaluation.status.failed),
      unanswered: sum(({ evaluation }) => evaluation.status.unanswered),
    },
    warnings: mergeWarnings(...parts.map(({ warnings }) => warnings)).map(({ code, count }) => ({ code, count })),
    usage: evaluations.map(({ usage }) => usage).reduce(addUsage),
    timings: {
      loadSeconds: (options.openSeconds ?? 0) + sum((part) => part.loadSeconds),
      indexSeconds: sum((part) => part.indexSeconds),
      querySeconds,
      p50Ms: at(0.5),
      p95Ms: at(0.95),
      p99Ms: at(0.99),
    },
    latenciesMs: latencies,
    queriesPerSecond: querySeconds > 0 ? queries / querySeconds : 0,
    peakMemoryBytes: peakMemoryBytes(),
    versions: versions(),
    machine: machine(),
  }
  const rankings = parts.flatMap((part) =>
    single
      ? part.rankings
      : part.rankings.map((ranking) => ({
          ...ranking,
          query: { ...ranking.query, id: prefix(part, ranking.query.id) },
        })),
  )
  return { result, rankings }
}

/** A pipeline without stages is described as its retriever, so that results show `k1` where one looks for it. */
function flat(description: Description): Description {
  const { name, retriever, stages } = description as { name: string; retriever?: Description; stages?: unknown[] }
  return name === "pipeline" && retriever && stages?.length === 0 ? retriever : description
}

interface Part {
  readonly dataset: Dataset
  readonly documents: number
  readonly description: Description
  readonly rankings: readonly Ranking[]
  readonly evaluation: ReturnType<typeof evaluateRankings>
  readonly warnings: Evaluation["warnings"]
  readonly loadSeconds: number
  readonly indexSeconds: number
  readonly querySeconds: number
  readonly latenciesMs: readonly number[]
}

async function runPart(
  dataset: Dataset,
  build: (context: BenchmarkContext) => Promise<Retriever>,
  options: BenchmarkOptions,
): Promise<Part> {
  const { signal, onProgress, topK = 1000, seed } = options
  const control = { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) }
  const reading = { seconds: 0, documents: 0 }
  const buildStarted = performance.now()
  // Reading and indexing run at the same time: only one of them reports, the one that has more to do.
  const documents = () => timed(dataset.documents(signal ? { signal } : {}), reading)
  const retriever = await build({ dataset, documents, ...control })
  const buildSeconds = (performance.now() - buildStarted) / 1000
  try {
    const run: RunOptions = { topK, onError: "mark", ...(seed === undefined ? {} : { seed }), ...control }
    await takeLatencies(retriever, dataset.queries.slice(0, WARM_UP_QUERIES), run)
    const queryStarted = performance.now()
    const rankings = await retriever.retrieve(dataset.queries, run)
    const querySeconds = (performance.now() - queryStarted) / 1000
    const latenciesMs = await takeLatencies(retriever, dataset.queries, run)
    const evaluation = evaluateRankings(rankings, dataset.qrels, options.measures ?? dataset.measures, {
      rel: dataset.relevance.threshold,
    })
    return {
      dataset,
      documents: dataset.size ?? reading.documents,
      description: describePart(retriever),
      rankings,
      evaluation,
      warnings: mergeWarnings(dataset.warnings, evaluation.warnings),
      loadSeconds: reading.seconds,
      indexSeconds: Math.max(0, buildSeconds - reading.seconds),
      querySeconds,
      latenciesMs,
    }
  } finally {
    await (retriever as Partial<AsyncDisposable>)[Symbol.asyncDispose]?.()
  }
}

/** Reading and indexing take turns: the time that goes by while the next document is awaited is reading's. */
async function* timed(
  documents: AsyncIterable<Document>,
  reading: { seconds: number; documents: number },
): AsyncGenerator<Document> {
  const iterator = documents[Symbol.asyncIterator]()
  let count = 0
  try {
    for (;;) {
      const started = performance.now()
      const next = await iterator.next()
      reading.seconds += (performance.now() - started) / 1000
      if (next.done) break
      count++
      yield next.value
    }
    reading.documents = Math.max(reading.documents, count)
  } finally {
    await iterator.return?.()
  }
}

async function takeLatencies(retriever: Retriever, queries: readonly Query[], run: RunOptions): Promise<number[]> {
  const { onProgress: _, ...quiet } = run
  const latencies: number[] = []
  const end = performance.now() + LATENCY_SECONDS * 1000
  const breathe = breather()
  for (const query of queries) {
    await breathe()
    throwIfAborted(run.signal)
    const started = performance.now()
    await retriever.retrieve([query], quiet)
    const now = performance.now()
    latencies.push(now - started)
    if (now > end) break
  }
  return latencies
}
