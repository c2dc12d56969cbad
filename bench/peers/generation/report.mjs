/** The page of results. @module */
import { ratios, spread } from "../../lib/statistics.mjs"
import { LLAMA, OURS, unmeasured } from "./engines.mjs"

const digits = (value) =>
  value === undefined ? "" : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
const megabytes = (bytes) => (bytes === undefined ? "" : (bytes / 2 ** 20).toFixed(0))
const table = (head, rows) =>
  [
    `| ${head.join(" | ")} |`,
    `|${head.map((_, at) => (at === 0 ? " --- " : " ---: ")).join("|")}|`,
    ...rows.map((row) => `| ${row.join(" | ")} |`),
  ].join("\n")

const NEAR = 0.1

function speeds({ rows }) {
  const ours = rows.find(({ name }) => name === OURS)
  const cell = (row, key) => digits(spread(row.rates.map((rate) => rate[key]))?.median)
  const against = (row, key) => {
    if (row.name === OURS || !ours?.rates.length) return ""
    const ratio = ratios(
      ours.rates.map((rate) => rate[key]),
      row.rates.map((rate) => rate[key]),
    )
    return ratio ? `${digits(ratio.median)} (${digits(ratio.minimum)} to ${digits(ratio.maximum)})` : ""
  }
  const measured = rows.filter(({ rates }) => rates?.length)
  const head = [
    "engine",
    "512 tokens read/s",
    "blocks are",
    "8 × 128 read/s",
    "written/s",
    "blocks are",
    "first token ms",
    "load s",
    "resident MB",
    "peak MB",
  ]
  const lines = measured.map((row) => [
    row.label,
    cell(row, "prompt"),
    against(row, "prompt"),
    cell(row, "prompts"),
    cell(row, "generated"),
    against(row, "generated"),
    cell(row, "firstMilliseconds"),
    digits(row.loadSeconds),
    megabytes(row.residentBytes),
    megabytes(row.peakBytes),
  ])
  const absent = rows.filter(({ absent: reason }) => reason).map(({ label, absent: reason }) => `- ${label}: ${reason}`)
  return [table(head, lines), ...(absent.length ? ["", ...absent] : [])].join("\n")
}

function agreement({ engine, absent, rows }) {
  if (absent) return `${engine}: not compared (${absent})`
  const parted = rows.filter(({ gaps }) => gaps)
  const near = parted.filter(({ gaps }) => gaps[0] <= NEAR).length
  const nearBoth = parted.filter(({ gaps }) => Math.max(...gaps) <= NEAR).length
  const same = rows.length - parted.length
  const lines = rows.map(({ text, same: count, tokens, gaps }) => [
    JSON.stringify(text).replaceAll("|", "\\|"),
    gaps ? String(count) : "all",
    gaps ? gaps[0].toFixed(3) : "",
    gaps ? gaps[1].toFixed(3) : "",
    gaps ? tokens.map((each) => `\`${JSON.stringify(each)}\``).join(" / ") : "",
  ])
  return [
    `**${engine}**: ${same} of ${rows.length} answers are the same; in ${near} more ours prefers its own token by at most ${NEAR} logit where they part (in ${nearBoth} of them each of the two does).`,
    "",
    table(["prompt", "same tokens", "ours prefers its own by", "theirs by", "tokens"], lines),
  ].join("\n")
}

export function renderPage(result) {
  const { date, machine, models } = result
  const versions = (models[0]?.runs[0]?.rows ?? [])
    .filter(({ version }) => version)
    .map(({ name, version }) => `${name} ${version}`)
  const parts = models.flatMap(({ name, runs, answers }) => [
    `## ${name}`,
    ...runs.flatMap((run) => [
      "",
      `### ${run.threads === 1 ? "One thread" : `${run.threads} threads`}, ${run.rounds} rounds`,
      "",
      speeds(run),
    ]),
    ...(answers.length
      ? ["", `### The first 16 greedy tokens beside ${LLAMA}`, "", ...answers.flatMap((each) => [agreement(each), ""])]
      : [""]),
  ])
  return `# Generation beside other engines

Written by \`node bench/generation.mjs\` on ${date.slice(0, 10)}: ${machine.processor}, ${machine.cores} cores, Node ${machine.node}, commit ${machine.commit}; ${versions.join(", ")}.

Every engine runs in a process of its own with the same number of threads; they take turns, and each warms up before its turn. Prompts are
token ids of Python programs, the same for all. *512 tokens read/s*: one prompt of 512 tokens until its first token; *8 × 128*: eight prompts of
128 until each has its first; *written/s*: 63 tokens after the first, behind a prompt of 128, greedily; *first token*: of that prompt.
*blocks are*: speed of our blocks divided by the engine's, round by round, the median with lowest and highest. Memory is that of the whole
process, after all rounds and at its highest.

${parts.join("\n")}
## Not measured

${unmeasured.map(({ engine, reason }) => `- ${engine}: ${reason}.`).join("\n")}
`
}
