/** The results as Markdown. @module */
import { OURS } from "./engines.mjs"
import { spread } from "./statistics.mjs"

const NONE = "–"

/** Three figures are what five rounds can tell. */
export function figure(value) {
  if (value === undefined || !Number.isFinite(value)) return NONE
  if (value === 0) return "0"
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en")
  return value.toPrecision(3)
}

function withSpread(values, unit = "") {
  if (!values) return NONE
  const { median, minimum, maximum } = values
  if (minimum === maximum) return `${figure(median)}${unit}`
  return `${figure(median)}${unit} (${figure(minimum)}${unit}–${figure(maximum)}${unit})`
}

const megabytes = (bytes) => (bytes === undefined ? NONE : figure(bytes / 2 ** 20))
const seconds = (row, name) => spread((row.index ?? []).flatMap((round) => (name in round ? [round[name]] : [])))
const rates = (row, name) => spread(row.searches?.[name] ?? [])

const columns = [
  ["engine", (row) => `${row.engine}${row.version ? ` ${row.version}` : ""}`],
  [
    "tokenise s",
    (row) => withSpread(seconds(row, "tokeniseSeconds") ?? (row.tokeniseSeconds && spread([row.tokeniseSeconds]))),
  ],
  ["index s", (row) => withSpread(seconds(row, "indexSeconds"))],
  ["text to index s", (row) => withSpread(seconds(row, "totalSeconds"))],
  ["queries/s, k = 10", (row) => withSpread(rates(row, "search@10"))],
  ["ours is", (row) => withSpread(row.ratios?.["search@10"], "×")],
  ["queries/s, k = 1000", (row) => withSpread(rates(row, "search@1000"))],
  ["ours is", (row) => withSpread(row.ratios?.["search@1000"], "×")],
  ["scoring only, k = 10", (row) => withSpread(rates(row, "scoring@10"))],
  ["median ms", (row) => figure(row.latency?.median)],
  ["peak MB", (row) => megabytes(row.peakBytes)],
  ["resident MB", (row) => megabytes(row.residentBytes)],
  ["bytes/posting", (row) => figure(row.postings ? row.indexBytes / row.postings : undefined)],
  ["nDCG@10", (row) => (row.ndcg === undefined ? NONE : row.ndcg.toFixed(4))],
  ["same top 10", (row) => (row.overlap === undefined ? NONE : `${(row.overlap * 100).toFixed(1)} %`)],
]

function table(header, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`
  const rule = header.map((_, i) => (i === 0 ? "---" : "---:"))
  return [line(header), line(rule), ...rows.map(line)].join("\n")
}

function collectionSection(collection) {
  const title = `### ${collection.name}`
  if (collection.missing) return `${title}\n\nLeft out: ${collection.missing}.`
  const size =
    `${collection.documents.toLocaleString("en")} documents (${megabytes(collection.bytes)} MB of text), ` +
    `${collection.queries} queries, ${collection.analyzer} analysis.`
  const measured = collection.rows.filter((row) => row.index?.length > 0)
  const shown = columns.filter(([, cell], i) => i === 0 || measured.some((row) => cell(row) !== NONE))
  const rows = measured.map((row) => shown.map(([, cell]) => cell(row)))
  const notes = collection.rows.flatMap((row) => {
    const reason = row.absent ?? row.stopped
    return reason ? [`- ${row.engine}: ${reason}.`] : []
  })
  return [
    title,
    size,
    table(
      shown.map(([name]) => name),
      rows,
    ),
    notes.join("\n"),
  ]
    .filter(Boolean)
    .join("\n\n")
}

/** How our median query grows with the generated collection. */
export function growth(collections) {
  const sizes = collections
    .filter(({ name, missing }) => name.startsWith("generated-") && !missing)
    .map(({ documents, rows }) => ({ documents, latency: rows.find((row) => row.engine === OURS)?.latency?.median }))
    .filter(({ latency }) => latency !== undefined)
    .sort((left, right) => left.documents - right.documents)
  if (sizes.length < 2) return undefined
  return sizes.map((size) => ({ ...size, ratio: size.latency / sizes[0].latency }))
}

function growthSection(collections) {
  const sizes = growth(collections)
  if (!sizes) return undefined
  const header = ["documents", "median ms of one query, k = 10", `against ${sizes[0].documents.toLocaleString("en")}`]
  const rows = sizes.map(({ documents, latency, ratio }) => [
    documents.toLocaleString("en"),
    figure(latency),
    `${figure(ratio)}×`,
  ])
  return `### How ours grows\n\n${table(header, rows)}`
}

function marksSection(marks) {
  if (marks.length === 0) return undefined
  const rows = marks.map(({ name, wanted, value, met }) => [name, wanted, value, met ? "met" : "**missed**"])
  return `### Marks\n\n${table(["mark", "wanted", "measured", ""], rows)}`
}

function machineLine({ machine, settings, date }) {
  const memory = Math.round(machine.memoryBytes / 2 ** 30)
  const pinned = settings.cpu === undefined ? "not held on one core" : "every engine on the same one core"
  return (
    `${date.slice(0, 10)}, ${machine.processor}, ${machine.cores} cores, ${memory} GB, ${machine.system}, ` +
    `Node ${machine.node}, commit ${machine.commit}${machine.changed ? " with changes" : ""}; ${pinned}; ` +
    `median of ${settings.rounds} rounds of ${settings.seconds} s (lowest–highest).`
  )
}

/** The tables of a result, from machine to marks. */
export function renderReport(result, marks) {
  const parts = [
    machineLine(result),
    marksSection(marks),
    growthSection(result.collections),
    ...result.collections.map(collectionSection),
  ]
  return `${parts.filter(Boolean).join("\n\n")}\n`
}

/** The page for the documentation: the tables and how to read them. */
export function renderPage(result, marks) {
  const introduction = `# BM25: speed beside other engines

Written by \`npm run bench:bm25 -- --write FILE\`; do not edit. What is measured and why it is fair: [bench/README.md](../bench/README.md).

- *tokenise*: analysis of all documents alone; *index*: what follows, where the engine separates the two; *text to index*: both.
- *queries/s*: from a query's text to its ranking; *scoring only*: from terms, where the engine separates it.
- *ours is*: our queries per second divided by the engine's in the same round. *median ms*: one query asked alone, k = 10.
- *peak*: highest resident memory until the first index stands, texts included; *resident*: while searching.
- *same top 10*: share of our first ten documents that the engine returns too.`
  return `${introduction}\n\n${renderReport(result, marks)}`
}
