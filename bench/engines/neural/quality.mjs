/** One pipeline on one collection, by runBenchmark, in a process of its own. @module */
import { observeIndexes } from "../../lib/neural/observe.mjs"
import { ours } from "../../lib/ours.mjs"
import { finish, peakBytes, settings } from "./child.mjs"

const { data, pipeline, cacheDirectory } = settings
const { openDataset } = await ours("datasets/index.js")
const { buildPipeline, runBenchmark } = await ours("src/pipelines/index.js")
const indexes = await observeIndexes({ load: ours, cacheDirectory })

const dataset = await openDataset(data)
const build = (context) => buildPipeline(pipeline, context)
const { result } = await runBenchmark(dataset, build, { measures: ["nDCG@10", "R@100"], topK: 100 })
const { measures, timings, status, warnings, usage, queriesPerSecond } = result
const cut = warnings.find(({ code }) => code === "truncated")?.count ?? 0
finish({
  measures,
  p50Ms: timings.p50Ms,
  p99Ms: timings.p99Ms,
  indexSeconds: timings.indexSeconds,
  queriesPerSecond,
  truncated: Math.max(indexes.truncated(), cut),
  cutQueries: usage.truncated,
  failed: status.failed,
  unanswered: status.unanswered,
  cached: indexes.cached(),
  warnings,
  peakBytes: peakBytes(),
})
