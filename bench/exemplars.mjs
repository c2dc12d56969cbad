// Exemplars for GSM8K: how likely a model finds the gold solution behind those that each method chooses. node bench/exemplars.mjs --help
import { createHash } from "node:crypto"
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { describeMachine } from "./lib/machine.mjs"
import { ours, rootFolder } from "./lib/ours.mjs"

const usage = `node bench/exemplars.mjs [options]     (build first: npm run build)
  --questions N      test questions that exemplars are selected for (200)
  --scored N         of these, so many have their gold solution scored (100)
  --exemplars N      exemplars of each prompt (4)
  --candidates N     nearest exemplars that are reranked (64)
  --dimensions N,N   principal components, one row each (128,16)
  --thoughts N       most tokens of a chain of thought (128)
  --model NAME       the local language model (SmolLM2-135M-Instruct)
  --precision NAME   its precision (blocks)
  --encoder NAME     the embedding model (potion-base-4M; all-MiniLM-L6-v2 is the other one of use)
  --data DIR         train.jsonl and test.jsonl of GSM8K (../shared/data/gsm8k beside the repository)
  --results DIR      what is known so far lies there: a run that was stopped goes on (bench/results)
  --accuracy         instead of likelihoods: solve the questions, and compare the last numbers
  --base-url URL     the model is an OpenAI-compatible endpoint, whose --model it is; with --accuracy only
  --write FILE       write the table in Markdown too`

const { values } = parseArgs({
  options: {
    questions: { type: "string", default: "200" },
    scored: { type: "string", default: "100" },
    exemplars: { type: "string", default: "4" },
    candidates: { type: "string", default: "64" },
    dimensions: { type: "string", default: "128,16" },
    thoughts: { type: "string", default: "128" },
    model: { type: "string", default: "SmolLM2-135M-Instruct" },
    precision: { type: "string", default: "blocks" },
    encoder: { type: "string", default: "potion-base-4M" },
    data: { type: "string", default: resolve(rootFolder, "../shared/data/gsm8k") },
    results: { type: "string", default: join(rootFolder, "bench/results") },
    accuracy: { type: "boolean", default: false },
    "base-url": { type: "string" },
    write: { type: "string" },
    help: { type: "boolean", default: false },
  },
})
if (values.help) {
  console.log(usage)
  process.exit(0)
}

function whole(name, text = values[name]) {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name} must be a whole number of at least 1, got ${text}`)
  return value
}
const count = whole("exemplars")
const candidates = whole("candidates")
const questions = whole("questions")
const scored = Math.min(questions, whole("scored"))
const thoughtTokens = whole("thoughts")
const dimensions = values.dimensions.split(",").map((each) => whole("dimensions", each))
if (values["base-url"] && !values.accuracy)
  throw new Error("--base-url needs --accuracy: endpoints seldom score given texts")

/** Without the marks of the calculator, which no solution is written with. */
const clean = (text) => text.replace(/<<[^<>]*>>/g, "").trim()
function read(name) {
  const lines = readFileSync(join(values.data, `${name}.jsonl`), "utf8")
    .split("\n")
    .filter(Boolean)
  return lines.map((line, index) => {
    const { question, answer } = JSON.parse(line)
    return { id: `${name}-${index}`, question: question.trim(), solution: clean(answer) }
  })
}
const train = read("train")
const test = read("test").slice(0, questions)

const { ExemplarPool, exemplarPrompt, mostSteps, selectExemplars } = await ours("rerankers/dq-lore/index.js")
const { EndpointLanguageModel, loadLanguageModel, openEmbedder } = await ours("src/models/index.js")
const { Bm25Index } = await ours("retrievers/bm25/index.js")
const { Random } = await ours("src/core/index.js")

const model = values["base-url"]
  ? new EndpointLanguageModel({ baseUrl: values["base-url"], model: values.model })
  : await loadLanguageModel(values.model, { precision: values.precision })
const form = values["base-url"] ? "chat" : "plain"
const encoder = await openEmbedder(values.encoder)

// Lines of what is known, by a key of what it depends on.
const settings = {
  model: model.fingerprint,
  encoder: encoder.fingerprint,
  count,
  candidates,
  thoughtTokens,
  form,
  schema: 1,
}
const key = createHash("sha256").update(JSON.stringify(settings)).digest("hex").slice(0, 12)
mkdirSync(values.results, { recursive: true })
const log = join(values.results, `exemplars-${key}.jsonl`)
const known = new Map()
if (existsSync(log))
  for (const line of readFileSync(log, "utf8").split("\n"))
    try {
      const entry = JSON.parse(line)
      known.set(`${entry.kind} ${entry.method ?? ""} ${entry.id}`, entry)
    } catch {
      // The last line of a run that was stopped, or none.
    }
// What a stopped run left half-written ends here, so that it does not spoil the next line.
appendFileSync(log, "\n")
function learn(entry) {
  appendFileSync(log, `${JSON.stringify(entry)}\n`)
  known.set(`${entry.kind} ${entry.method ?? ""} ${entry.id}`, entry)
}
const recall = (kind, method, id) => known.get(`${kind} ${method} ${id}`)

let stage = { name: "", begun: 0, done: 0, total: 0 }
function begin(name, total) {
  stage = { name, begun: performance.now(), done: 0, total }
}
function advance(by = 1) {
  stage.done += by
  const seconds = (performance.now() - stage.begun) / 1000
  const left = (seconds / stage.done) * (stage.total - stage.done)
  console.error(`${stage.name}: ${stage.done}/${stage.total}, ${seconds.toFixed(0)} s, about ${left.toFixed(0)} s left`)
}

begin("embedding the exemplars", 1)
const embedded = performance.now()
const pool = await ExemplarPool.build(train, encoder)
const poolSeconds = (performance.now() - embedded) / 1000
advance()

// The first query, a few questions at a time: they share the initial exemplars.
const AT_ONCE = 5
const initial = mostSteps(train, count)
const silent = test.filter(({ id }) => !recall("thoughts", "", id))
begin("chains of thought", silent.length)
for (let from = 0; from < silent.length; from += AT_ONCE) {
  const part = silent.slice(from, from + AT_ONCE)
  const begun = performance.now()
  const chosen = await selectExemplars(
    part.map(({ question }) => question),
    { pool, model, initial, count, candidates, maxTokens: thoughtTokens, form },
  )
  const seconds = (performance.now() - begun) / 1000 / part.length
  part.forEach(({ id }, at) => {
    const { promptTokens, completionTokens, cachedTokens } = chosen[at].usage
    learn({
      kind: "thoughts",
      id,
      text: chosen[at].thoughts ?? "",
      promptTokens,
      completionTokens,
      cachedTokens,
      seconds,
    })
  })
  advance(part.length)
}
const thoughtsOf = ({ id }) => recall("thoughts", "", id).text

const bm25 = await Bm25Index.build(train.map(({ id, question, solution }) => ({ id, text: `${question} ${solution}` })))
const byId = new Map(train.map((exemplar) => [exemplar.id, exemplar]))
const asked = test.map(({ question }) => question)
const select = async (options) =>
  (await selectExemplars(asked, { pool, count, candidates, ...options })).map(({ exemplars }) => exemplars)
const thoughts = test.map(thoughtsOf)
const methods = {
  none: async () => test.map(() => []),
  random: async () => test.map((_, index) => new Random(1, "exemplars", index).shuffle(train).slice(0, count)),
  BM25: async () => {
    const queries = test.map(({ id, question }) => ({
      id,
      text: question,
      excludedIds: pool.ownIds({ text: question }),
    }))
    const rankings = await bm25.retrieve(queries, { topK: count })
    return rankings.map(({ hits }) => hits.map(({ id }) => byId.get(id)))
  },
  dense: () => select({ lowRank: false }),
  "dense, second query": () => select({ lowRank: false, thoughts }),
}
for (const each of dimensions) {
  methods[`low rank ${each}, first query`] = () => select({ dimensions: each })
  methods[`DQ-LoRe ${each}`] = () => select({ dimensions: each, thoughts })
}

/** The best stand last, next to the question. */
const promptOf = (exemplars, question) => exemplarPrompt([...exemplars].reverse(), question, form)
const goldOf = (solution) => solution.slice(solution.lastIndexOf("####") + 4)
const numberIn = (text) => (text.match(/-?\d[\d,]*(?:\.\d+)?/g) ?? []).at(-1)?.replaceAll(",", "")
const lastNumber = (text) => (text.includes("####") ? numberIn(goldOf(text).split("\n")[0]) : numberIn(text))

const kind = values.accuracy ? "accuracy" : "logprob"
const judged = test.slice(0, scored)
const rows = []
for (const [method, choose] of Object.entries(methods)) {
  const begun = performance.now()
  const chosen = await choose()
  const selection = (performance.now() - begun) / test.length
  const open = judged.map((question, index) => ({ ...question, index })).filter(({ id }) => !recall(kind, method, id))
  begin(`${kind}: ${method}`, open.length)
  for (let from = 0; from < open.length; from += AT_ONCE) {
    const part = open.slice(from, from + AT_ONCE)
    const inputs = part.map(({ question, index }) => promptOf(chosen[index], question))
    const started = performance.now()
    const results = values.accuracy
      ? await model.generate(
          inputs.map((input) => ({
            ...input,
            temperature: 0,
            maxTokens: 300,
            ...(form === "plain" ? { stop: ["Question:"] } : {}),
          })),
        )
      : await model.logLikelihood(inputs.map((input, at) => ({ ...input, continuation: ` ${part[at].solution}` })))
    const seconds = (performance.now() - started) / 1000 / part.length
    part.forEach(({ id, solution }, at) => {
      const result = results[at]
      const { promptTokens, completionTokens } = result.usage
      const value = values.accuracy
        ? { right: Number(lastNumber(result.text)) === Number(lastNumber(solution)), text: result.text }
        : { logprob: result.logprob, tokens: result.tokens.length }
      learn({ kind, method, id, ...value, promptTokens, completionTokens, seconds })
    })
    advance(part.length)
  }
  const entries = judged.map(({ id }) => recall(kind, method, id))
  const mean = (of) => entries.reduce((sum, entry) => sum + of(entry), 0) / entries.length
  const squares = (of, middle) =>
    Math.sqrt(mean((entry) => (of(entry) - middle) ** 2) / Math.max(1, entries.length - 1))
  const of = values.accuracy ? ({ right }) => (right ? 100 : 0) : ({ logprob }) => logprob
  const perToken = ({ logprob, tokens }) => logprob / tokens
  rows.push({
    method,
    value: mean(of),
    error: squares(of, mean(of)),
    ...(values.accuracy ? {} : { perToken: mean(perToken) }),
    prompt: mean(({ promptTokens }) => promptTokens),
    seconds: mean((entry) => entry.seconds),
    // The chain of thought is part of the price.
    thought: /second query|DQ-LoRe/.test(method)
      ? test.reduce((sum, { id }) => sum + recall("thoughts", "", id).seconds, 0) / test.length
      : 0,
    selection,
  })
}

const title = values.accuracy ? "accuracy %" : "log-probability of the gold solution"
const head = [
  "exemplars",
  `${title} (± standard error)`,
  ...(values.accuracy ? [] : ["per token"]),
  "prompt tokens",
  "selecting ms",
  "thinking s",
  "answering s",
]
const cells = rows.map(({ method, value, error, perToken, prompt, selection, thought, seconds }) => [
  method,
  `${value.toFixed(2)} ± ${error.toFixed(2)}`,
  ...(values.accuracy ? [] : [perToken.toFixed(4)]),
  prompt.toFixed(0),
  selection.toFixed(1),
  thought.toFixed(2),
  seconds.toFixed(2),
])
const table = [head, head.map(() => "---"), ...cells].map((row) => `| ${row.join(" | ")} |`).join("\n")
const { processor, cores, node, commit } = describeMachine()
const page = `${table}

${judged.length} questions of GSM8K's test set, ${count} exemplars of its training set (${train.length}); chains of thought for ${test.length}, at most
${thoughtTokens} tokens. ${model.name} (${values["base-url"] ? "endpoint" : values.precision}), ${values.encoder}; embedding the exemplars took ${poolSeconds.toFixed(1)} s. ${processor}, ${cores} cores, Node ${node}, commit ${commit}.
`
console.log(page)
writeFileSync(
  join(values.results, `exemplars-${key}-${kind}.json`),
  `${JSON.stringify({ settings, machine: describeMachine(), rows }, null, 1)}\n`,
)
if (values.write) {
  mkdirSync(dirname(resolve(values.write)), { recursive: true })
  writeFileSync(values.write, page)
}

await pool[Symbol.asyncDispose]()
await model[Symbol.asyncDispose]()
await encoder[Symbol.asyncDispose]?.()
