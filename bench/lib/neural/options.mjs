/** The command line of bench:neural. @module */
import { availableParallelism } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { benchFolder } from "../engines.mjs"
import { canPin } from "../machine.mjs"
import { neuralEngines } from "./engines.mjs"

/** In the order in which they run. */
export const partNames = ["embed", "mixed", "memory", "rerank", "nearest", "growth", "responsive", "quality"]

export const usage = `npm run bench:neural -- [options]
  --parts NAMES      ${partNames.join(",")} (all of them)
  --peers NAMES      ${neuralEngines.map(({ name }) => name).join(",")} (all)
  --data NAMES       collections of the part quality (scifact,nfcorpus,cranfield,lisa,cacm,time)
  --pipelines NAMES  pipelines of the part quality (all)
  --threads N        threads of every engine (2)
  --rounds N         rounds of embedding and reranking (3)
  --limit N          only so many texts, pairs, vectors or short texts: to try things out
  --timeout MIN      an engine busy for longer than this with one part is stopped (30)
  --memory GB        an engine larger than this is stopped (20)
  --no-cache         embed anew for the part quality, even what is in the cache
  --dist DIR         the build of ours that is measured (dist)
  --write FILE       write the page in Markdown, such as docs/benchmarks-neural.md, and the plot beside it
  --from FILES       measure nothing: print earlier results (bench/results/…json; several with commas, the last of each part counts)`

const list = (text) =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean)

function positive(values, name) {
  const value = Number(values[name])
  if (!(value > 0)) throw new Error(`--${name} must be a number above 0, got ${values[name]}`)
  return value
}

function chosen(values, name, known) {
  const names = values[name] === undefined ? known : list(values[name])
  for (const one of names)
    if (!known.includes(one)) throw new Error(`--${name}: there is no ${one}; there are ${known.join(", ")}`)
  return names
}

/** The last cores, one for each thread, where the machine has more than that; undefined where it has not, or cannot hold a process there. */
function coresFor(threads) {
  const cores = availableParallelism()
  if (cores <= threads || !canPin()) return undefined
  return Array.from({ length: threads }, (_, i) => cores - threads + i).join(",")
}

export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      parts: { type: "string" },
      peers: { type: "string" },
      data: { type: "string", default: "scifact,nfcorpus,cranfield,lisa,cacm,time" },
      pipelines: { type: "string" },
      threads: { type: "string", default: "2" },
      rounds: { type: "string", default: "3" },
      limit: { type: "string" },
      timeout: { type: "string", default: "30" },
      memory: { type: "string", default: "20" },
      "no-cache": { type: "boolean", default: false },
      dist: { type: "string" },
      write: { type: "string" },
      from: { type: "string" },
      help: { type: "boolean", default: false },
    },
  })
  // Engines inherit the environment; the adapters of ours look there.
  if (values.dist !== undefined) process.env.RANKINE_BENCH_DIST = resolve(values.dist)
  const threads = Math.ceil(positive(values, "threads"))
  return {
    help: values.help,
    from: values.from === undefined ? undefined : list(values.from),
    parts: chosen(values, "parts", partNames),
    engines: chosen(
      values,
      "peers",
      neuralEngines.map(({ name }) => name),
    ),
    collections: list(values.data),
    pipelines: values.pipelines === undefined ? undefined : list(values.pipelines),
    threads,
    rounds: Math.ceil(positive(values, "rounds")),
    limit: values.limit === undefined ? undefined : Math.ceil(positive(values, "limit")),
    limits: { seconds: positive(values, "timeout") * 60, bytes: positive(values, "memory") * 2 ** 30 },
    cache: !values["no-cache"],
    cpu: coresFor(threads),
    results: join(benchFolder, "results"),
    write: values.write === undefined ? undefined : resolve(values.write),
  }
}
