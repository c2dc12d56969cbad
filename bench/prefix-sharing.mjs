// Scores of passages behind one instruction and query: what it saves to read the common beginning once. node bench/prefix-sharing.mjs --help
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { describeMachine } from "./lib/machine.mjs"
import { rootFolder } from "./lib/ours.mjs"
import { ratios, spread } from "./lib/statistics.mjs"

const { values: flags } = parseArgs({
  options: {
    dist: { type: "string", default: "dist" },
    model: { type: "string", default: "SmolLM2-135M-Instruct" },
    precision: { type: "string" },
    threads: { type: "string" },
    data: { type: "string", default: "../shared/data/trec_dl19" },
    passages: { type: "string", default: "100" },
    passage: { type: "string", default: "85" },
    prefix: { type: "string", default: "64" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
})

if (flags.help) {
  console.log(`node bench/prefix-sharing.mjs [--model NAME] [--precision P] [--threads N] [--passages N] [--passage TOKENS] [--prefix TOKENS]
                               [--rounds N] [--data DIR] [--json]
Both ways are measured by turns in one run; the ratio is that of each round. Scores of both are compared.`)
  process.exit(0)
}

const { loadLanguageModel } = await import(pathToFileURL(resolve(flags.dist, "src/models/index.js")).href)
const [count, length, shared, rounds] = [flags.passages, flags.passage, flags.prefix, flags.rounds].map(Number)

/** Texts of the first candidates in a data set's folder: real words, long enough to be cut to the length that is measured. */
function passagesOf(model) {
  const file = join(resolve(rootFolder, flags.data), "candidates/bm25.top100.jsonl")
  const texts = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .flatMap((line) => JSON.parse(line).candidates.map(({ text }) => text))
  const long = [...new Set(texts)].filter((text) => model.countTokens(` ${text}`) >= length)
  if (long.length < count) throw new Error(`${file} has ${long.length} passages of ${length} tokens, not ${count}`)
  return long.slice(0, count).map((text) => model.truncateText(` ${text}`, length))
}

const words =
  `Does the passage answer the query? Read the whole passage before you decide, and reply with one word: Yes if somebody
who asks this would be content with what it says, No if it is about something else, or says nothing that helps. Be strict: a passage that
only shares words with the query does not answer it. Query: what is the difference between a hotel and a motel? Passage:`.replace(
    /\s+/g,
    " ",
  )

const open = (sharePrefixes) =>
  loadLanguageModel(flags.model, {
    device: "cpu",
    maxLength: 1024,
    sharePrefixes,
    ...(flags.precision ? { precision: flags.precision } : {}),
    ...(flags.threads ? { threads: Number(flags.threads) } : {}),
  })
const models = { shared: await open(true), apart: await open(false) }
// The end of the words is the query's: the beginning is what may go.
let prefix = words
while (models.shared.countTokens(prefix) > shared && prefix.includes(" "))
  prefix = prefix.slice(prefix.indexOf(" ") + 1)
const suffixes = passagesOf(models.shared)
const score = (model) => model.scoreTokens({ prefix, suffixes }, [" Yes", " No"])

const seconds = { shared: [], apart: [] }
const scores = {}
for (let round = -1; round < rounds; round++) {
  // By turns, and each first as often as the other: a machine drifts.
  for (const name of round % 2 === 0 ? ["shared", "apart"] : ["apart", "shared"]) {
    const begun = performance.now()
    scores[name] = await score(models[name])
    // The first round warms up.
    if (round >= 0) seconds[name].push((performance.now() - begun) / 1000)
  }
}
const difference = Math.max(
  ...scores.shared.flatMap(({ logprobs }, at) =>
    [...logprobs].map((log, column) => Math.abs(log - scores.apart[at].logprobs[column])),
  ),
)
const result = {
  date: new Date().toISOString(),
  machine: describeMachine(),
  model: flags.model,
  precision: models.shared.precision,
  passages: suffixes.length,
  tokens: {
    prefix: models.shared.countTokens(prefix),
    passage: spread(suffixes.map((text) => models.shared.countTokens(text))),
  },
  rounds,
  seconds: { shared: spread(seconds.shared), apart: spread(seconds.apart) },
  ratio: ratios(seconds.apart, seconds.shared),
  difference,
}
for (const model of Object.values(models)) await model[Symbol.asyncDispose]()

const show = ({ median, minimum, maximum }, unit = "") =>
  `${median.toFixed(2)}${unit} (${minimum.toFixed(2)} to ${maximum.toFixed(2)})`
if (flags.json) console.log(JSON.stringify(result, null, 1))
else
  console.log(`${result.model} (${result.precision}), ${result.passages} passages of ${result.tokens.passage.median} tokens behind ${result.tokens.prefix}:
beginnings read once  ${show(result.seconds.shared, " s")}
read for each         ${show(result.seconds.apart, " s")}
ratio                 ${show(result.ratio)} over ${rounds} rounds
largest difference of a log-probability: ${difference.toExponential(1)}`)
// Scores that differ are no gain.
if (!(difference < 1e-4)) process.exitCode = 1
