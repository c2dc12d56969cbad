/** The results of bench:neural as Markdown. @module */
import { figure } from "../report.mjs"
import { spread } from "../statistics.mjs"
import { count, decimals, megabytes, NONE, table, withSpread } from "./table.mjs"

const engineName = ({ label, engine, version }) => `${label ?? engine}${version ? ` ${version}` : ""}`

function agreementCell({ agreement }) {
  if (!agreement) return NONE
  if (agreement.lowestCosine !== undefined)
    return `${agreement.meanCosine.toFixed(5)} (lowest ${agreement.lowestCosine.toFixed(5)})`
  return agreement.largestDifference.toExponential(1)
}

function throughputSection(part) {
  const { title, items, maxLength, tokens, task, reference } = part
  const rows = part.rows.filter((row) => row.rounds?.length > 0)
  const unit = task === "embed" ? "texts" : "pairs"
  const columns = [
    ["engine", engineName],
    ["tokens/s", (row) => withSpread(spread(row.tokensPerSecond ?? []))],
    [`${unit}/s`, (row) => withSpread(spread(row.rounds.map((seconds) => items / seconds)))],
    ["ours fp32 is", (row) => withSpread(row.ratio, "×")],
    ["ours int8 is", (row) => withSpread(row.ratioInt8, "×")],
    ["peak MB", (row) => megabytes(row.peakBytes)],
    [task === "embed" ? "cosine" : "largest difference", agreementCell],
  ]
  const size = tokens === undefined ? "" : `, ${count(tokens)} tokens without padding`
  const against = reference && rows.some((row) => row.agreement) ? ` The last column is against ${reference}.` : ""
  return [
    `### ${title}`,
    `${count(items)} ${unit}${size}, cut at ${maxLength} tokens.${against}`,
    rows.length > 0 ? table(columns, rows) : "",
    notes(part.rows),
  ]
}

/** Engines and rows without figures: never left out silently. */
function notes(rows) {
  return rows
    .flatMap((row) => {
      const reason = row.absent ?? row.stopped
      return reason ? [`- ${row.label ?? row.engine ?? row.name}: ${reason}.`] : []
    })
    .join("\n")
}

function nearestSection(part) {
  const columns = [
    ["index", ({ name }) => name],
    ["setting", ({ setting }) => setting ?? NONE],
    ["recall@10", ({ recall }) => decimals(recall, 4)],
    ["queries/s", ({ queriesPerSecond }) => figure(queriesPerSecond)],
    ["build s", ({ buildSeconds }) => figure(buildSeconds)],
    ["MB on disk", ({ fileBytes }) => megabytes(fileBytes)],
    ["MB resident, loaded", ({ residentBytes }) => megabytes(residentBytes)],
    ["load ms", ({ loadSeconds }) => figure(loadSeconds === undefined ? undefined : loadSeconds * 1000)],
  ]
  const { vectors, queries, dimension, kills } = part
  const killed = kills
    ? `Killed ${count(kills.kills)} times while saving (${kills.kind}): loaded whole ${count(kills.whole)} times; ` +
      `${count(kills.before)} times the state before, ${count(kills.after)} times the new one; lost or damaged: ${count(kills.damaged)}.`
    : ""
  return [
    "### Nearest neighbours",
    `${count(vectors)} vectors of ${dimension} numbers (potion-base-4M over pieces of the judged collections), ${count(queries)} queries, ` +
      "one query a call on one thread; recall of the ten nearest against exact search.",
    table(
      columns,
      part.rows.filter(({ absent }) => !absent),
    ),
    notes(part.rows),
    killed,
  ]
}

function growthSection(part, { plot } = {}) {
  const columns = [
    ["model", ({ name }) => name],
    ["texts", ({ texts }) => count(texts)],
    ["tokens", ({ tokens }) => count(tokens)],
    ["seconds", ({ seconds }) => figure(seconds)],
    ["MB after 1,000", ({ first }) => megabytes(first)],
    ["MB at the end", ({ last }) => megabytes(last)],
    ["difference", ({ first, last }) => `${(((last - first) / first) * 100).toFixed(1)} %`],
    ["peak MB", ({ peakBytes }) => megabytes(peakBytes)],
  ]
  const rows = part.rows.filter(({ absent }) => !absent)
  return [
    "### Memory over time",
    "Resident memory of a process that embeds short texts, a thousand a call, read after each call and a garbage collection.",
    rows.length > 0 ? table(columns, rows) : "",
    notes(part.rows),
    plot ? `![Resident memory over texts embedded](${plot})` : "",
  ]
}

function responsiveSection(part) {
  const columns = [
    ["while", ({ name }) => name],
    ["seconds", ({ seconds }) => figure(seconds)],
    ["mean ms", ({ meanMs }) => figure(meanMs)],
    ["p99 ms", ({ p99Ms }) => figure(p99Ms)],
    ["longest ms", ({ maximumMs }) => figure(maximumMs)],
  ]
  return [
    "### The event loop",
    "Delay of the main thread's event loop while models run, by a timer of 1 ms that is part of every figure.",
    table(
      columns,
      part.rows.filter(({ absent }) => !absent),
    ),
    notes(part.rows),
  ]
}

function qualitySection(part) {
  const columns = [
    ["pipeline", ({ name }) => name],
    ["nDCG@10", ({ measures }) => decimals(measures["nDCG@10"], 4)],
    ["R@100", ({ measures }) => decimals(measures["R@100"], 4)],
    ["p50 ms", ({ p50Ms }) => figure(p50Ms)],
    ["p99 ms", ({ p99Ms }) => figure(p99Ms)],
    ["index s", ({ indexSeconds, cached }) => `${figure(indexSeconds)}${cached ? " (from the cache)" : ""}`],
    ["peak MB", ({ peakBytes }) => megabytes(peakBytes)],
    ["cut documents", ({ truncated }) => count(truncated)],
    ["failed queries", ({ failed }) => count(failed)],
    ["unanswered", ({ unanswered }) => count(unanswered)],
  ]
  const sections = part.collections.flatMap(({ name, rows }) => {
    const measured = rows.filter((row) => row.measures)
    return [`#### ${name}`, measured.length > 0 ? table(columns, measured) : "", notes(rows)]
  })
  return ["### Quality", meansTable(part), ...sections]
}

/** nDCG@10 of every pipeline on every collection, and the mean where all were measured. */
function meansTable({ collections }) {
  const names = [...new Set(collections.flatMap(({ rows }) => rows.map(({ name }) => name)))]
  const value = (name, collection) => collection.rows.find((row) => row.name === name)?.measures?.["nDCG@10"]
  const rows = names.map((name) => ({ name, values: collections.map((one) => value(name, one)) }))
  const mean = ({ values }) =>
    values.includes(undefined) ? undefined : values.reduce((sum, one) => sum + one, 0) / values.length
  return table(
    [
      ["nDCG@10", ({ name }) => name],
      ...collections.map(({ name }, i) => [name, ({ values }) => decimals(values[i], 4)]),
      ["mean", (row) => decimals(mean(row), 4)],
    ],
    rows.filter(({ values }) => values.some((one) => one !== undefined)),
  )
}

const sections = {
  embed: throughputSection,
  mixed: throughputSection,
  memory: throughputSection,
  rerank: throughputSection,
  nearest: nearestSection,
  growth: growthSection,
  responsive: responsiveSection,
  quality: qualitySection,
}

function runLine({ machine, settings, date }) {
  const memory = Math.round(machine.memoryBytes / 2 ** 30)
  const held = settings.cpu === undefined ? "" : `, held on cores ${settings.cpu}`
  const limit =
    settings.limit === undefined ? "" : `; **only the first ${count(settings.limit)} items: a trial, no result**`
  return (
    `${date.slice(0, 10)}, ${machine.processor}, ${machine.cores} cores, ${memory} GB, ${machine.system}, ` +
    `Node ${machine.node}, commit ${machine.commit}${machine.changed ? " with changes" : ""}; ` +
    `${settings.threads} threads${held}, median of ${settings.rounds} rounds (lowest–highest)${limit}.`
  )
}

function marksSection(marks) {
  if (marks.length === 0) return []
  const columns = [
    ["mark", ({ name }) => name],
    ["wanted", ({ wanted }) => wanted],
    ["measured", ({ value }) => value],
    ["", ({ met }) => (met ? "met" : "**missed**")],
  ]
  return ["### Marks", table(columns, marks)]
}

/** The tables of a result, from marks to quality; `plot` is the address of the memory plot. */
export function renderNeural(result, marks, settings = {}) {
  const lines = [...new Set(Object.values(result.parts).map(({ run }) => runLine(run ?? result)))]
  const parts = [
    ...lines,
    ...marksSection(marks),
    ...Object.entries(result.parts).flatMap(([name, part]) => sections[name](part, settings)),
  ]
  return `${parts.filter(Boolean).join("\n\n")}\n`
}
