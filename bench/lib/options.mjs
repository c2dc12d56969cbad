/** The command line of bench:bm25. @module */
import { cpus } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { collectionNames } from "./collections.mjs"
import { benchFolder, engines, OURS } from "./engines.mjs"
import { canPin } from "./machine.mjs"

export const usage = `npm run bench:bm25 -- [options]
  --data NAMES       ${collectionNames.join(",")} (all of them), or any BEIR directory under the data root
  --peers NAMES      ${engines
    .map(({ name }) => name)
    .filter((name) => name !== OURS)
    .join(",")} (all), or none
  --data-root DIR    where the judged collections lie (../shared/data beside the repository)
  --rounds N         rounds of every measurement (5)
  --seconds S        how long the queries are repeated in one round (2)
  --timeout MIN      an engine busy for longer than this with one collection is stopped (10)
  --memory GB        an engine larger than this is stopped (8)
  --cpu N            the core on which every engine runs (the last); none: leave it to the system
  --dist DIR         the build of ours that is measured (dist)
  --write FILE       write the page in Markdown too, such as docs/benchmarks-bm25.md
  --from FILE        measure nothing: print the tables of earlier results (bench/results/…json; several with commas)`

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

export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      data: { type: "string", default: collectionNames.join(",") },
      peers: { type: "string" },
      "data-root": { type: "string", default: join(benchFolder, "..", "..", "shared", "data") },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "2" },
      timeout: { type: "string", default: "10" },
      memory: { type: "string", default: "8" },
      cpu: { type: "string" },
      dist: { type: "string" },
      write: { type: "string" },
      from: { type: "string" },
      help: { type: "boolean", default: false },
    },
  })
  const known = engines.map(({ name }) => name)
  const peers = values.peers === undefined ? known : values.peers === "none" ? [] : list(values.peers)
  for (const name of peers)
    if (!known.includes(name)) throw new Error(`--peers: no engine ${name}; there are ${known.join(", ")}`)
  // Engines inherit the environment; the adapter of ours looks there.
  if (values.dist !== undefined) process.env.RANKINE_BENCH_DIST = resolve(values.dist)
  const seconds = positive(values, "seconds")
  return {
    help: values.help,
    from: values.from === undefined ? undefined : list(values.from),
    collections: list(values.data),
    engines: [OURS, ...peers],
    dataRoot: resolve(values["data-root"]),
    results: join(benchFolder, "results"),
    cache: join(benchFolder, "results", "cache"),
    rounds: Math.ceil(positive(values, "rounds")),
    seconds,
    warmUp: seconds / 2,
    atMost: 3 * seconds,
    limits: { seconds: positive(values, "timeout") * 60, bytes: positive(values, "memory") * 2 ** 30 },
    cpu:
      values.cpu === "none" || !canPin()
        ? undefined
        : values.cpu === undefined
          ? cpus().length - 1
          : Number(values.cpu),
    write: values.write,
  }
}
