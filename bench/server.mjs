// The server under load: many connections, mixed sizes; latencies, what was refused, liveness meanwhile, memory. node bench/server.mjs --help
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { parseArgs } from "node:util"
import autocannon from "autocannon"
import { rootFolder } from "./lib/ours.mjs"

const { values: flags } = parseArgs({
  options: {
    connections: { type: "string", default: "1,8,64" },
    seconds: { type: "string", default: "60" },
    documents: { type: "string", default: "32" },
    texts: { type: "string", default: join(rootFolder, "../shared/data/scifact/corpus.jsonl") },
    route: { type: "string", default: "/rerank" },
    args: { type: "string", default: "" },
    help: { type: "boolean", default: false },
  },
})
if (flags.help) {
  console.log(`node bench/server.mjs [options]     (build first: npm run build)
  --connections N,N  open at once, one row each (1,8,64)
  --seconds N        for each row (60)
  --route PATH       /rerank or /embed
  --documents N      texts of a request: from 1 to twice as many, N on average (32)
  --texts FILE       JSON lines with "text": what is ranked or embedded (SciFact beside the repository)
  --args "..."       more for rankine serve, such as --reranker NAME`)
  process.exit(0)
}

const texts = readFileSync(flags.texts, "utf8")
  .split("\n")
  .filter(Boolean)
  .slice(0, 2000)
  .map((line) => JSON.parse(line).text)
const count = Number(flags.documents)
const requests = Array.from({ length: 64 }, (_, at) => {
  const size = 1 + ((at * 37) % (2 * count - 1))
  const some = Array.from({ length: size }, (_, index) => texts[(at * 131 + index * 17) % texts.length])
  const body =
    flags.route === "/embed" ? { inputs: some, truncate: true } : { query: texts[at].slice(0, 80), texts: some }
  return {
    method: "POST",
    path: flags.route,
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
  }
})

const port = 18_400 + (process.pid % 1000)
const url = `http://127.0.0.1:${port}`
const server = spawn(
  process.execPath,
  [join(rootFolder, "dist/src/cli/main.js"), "serve", "--port", String(port), ...flags.args.split(" ").filter(Boolean)],
  { stdio: ["ignore", "ignore", "inherit"] },
)
process.on("exit", () => server.kill())
for (let at = 0; ; at++) {
  const answer = await fetch(`${url}/health/ready`).catch(() => undefined)
  if (answer?.ok) break
  if (at > 600) throw new Error("the server does not become ready")
  await new Promise((resolve) => setTimeout(resolve, 100))
}

const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))[1]) / 1024
console.log(
  "| connections | requests/s | p50 ms | p99 ms | max ms | 429 | other errors | live p99 ms | live max ms | MB begin | MB end |",
)
console.log("| --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |")
for (const connections of flags.connections.split(",").map(Number)) {
  const live = []
  let asking = true
  const probe = (async () => {
    while (asking) {
      const begun = performance.now()
      await (await fetch(`${url}/health/live`)).text()
      live.push(performance.now() - begun)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })()
  const before = resident()
  const result = await autocannon({ url, connections, duration: Number(flags.seconds), requests, timeout: 120 })
  asking = false
  await probe
  live.sort((left, right) => left - right)
  const refused = result.statusCodeStats?.["429"]?.count ?? 0
  const other = result.non2xx - refused + result.errors
  const row = [
    connections,
    (result["2xx"] / result.duration).toFixed(1),
    result.latency.p50,
    result.latency.p99,
    result.latency.max,
    refused,
    other,
    live[Math.floor(live.length * 0.99)].toFixed(1),
    live.at(-1).toFixed(1),
    before.toFixed(0),
    resident().toFixed(0),
  ]
  console.log(`| ${row.join(" | ")} |`)
}
server.kill("SIGTERM")
await new Promise((resolve) => server.once("exit", resolve))
