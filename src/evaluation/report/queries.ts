import { formatDifference, formatMean } from "./format.js"
import { escapeHtml, figure, section } from "./markup.js"
import type { ReportModel, ReportRun } from "./model.js"
import type { Plotter } from "./plots.js"

/** Listed on each side of a scatter plot. */
const LISTED = 5

/** The queries one by one under the first measure: two runs against each other, or one run's spread. */
export function perQuerySection(model: ReportModel, plotter: Plotter): string {
  const measure = model.measures[0]!
  const name = escapeHtml(measure.name)
  const baseline = model.runs.find((run) => run.name === model.baseline)
  if (!baseline) {
    const run = model.runs[0]!
    return section(
      "Query by query",
      `How ${name} is spread over the queries.`,
      figure((width) => plotter.histogram(run, measure, width)),
    )
  }
  const pairs = model.runs.flatMap((run) => {
    if (run === baseline) return []
    return [
      `<div class="pair">
<figure>${plotter.scatter(baseline, run, measure)}</figure>
<div>
<h3>${escapeHtml(run.name)} against ${escapeHtml(baseline.name)}</h3>
${changes(baseline, run, measure.name, measure.higherIsBetter ? 1 : -1)}
</div>
</div>`,
    ]
  })
  return section(
    "Query by query",
    `Every query’s ${name}; above the diagonal the run has the higher value. Larger dots stand for several queries; point at one for its queries.`,
    ...pairs,
  )
}

/** The queries that gained and lost most. */
function changes(baseline: ReportRun, run: ReportRun, measure: string, sign: number): string {
  const all = Object.entries(run.result.perQuery).flatMap(([query, values]) => {
    const before = baseline.result.perQuery[query]?.[measure]
    const after = values[measure]
    return before === undefined || after === undefined || before === after ? [] : [{ query, before, after }]
  })
  all.sort((left, right) => sign * (right.after - right.before - (left.after - left.before)))
  const gained = all.filter(({ before, after }) => sign * (after - before) > 0).slice(0, LISTED)
  const lost = all.filter(({ before, after }) => sign * (after - before) < 0).slice(-LISTED)
  const list = (title: string, entries: typeof all, judgement: string) =>
    entries.length === 0
      ? ""
      : `<h4>${title}</h4>
<div class="scroll"><table><thead><tr><th scope="col">Query</th><th scope="col">Before</th><th scope="col">After</th><th scope="col">Change</th></tr></thead><tbody>
${entries
  .map(
    ({ query, before, after }) =>
      `<tr><th scope="row">${escapeHtml(query)}</th><td>${formatMean(before)}</td><td>${formatMean(after)}</td><td class="${judgement}">${formatDifference(after - before)}</td></tr>`,
  )
  .join("\n")}
</tbody></table></div>`
  if (all.length === 0) return `<p class="note">No query changed.</p>`
  return list("Gained most", gained, "better") + list("Lost most", lost.reverse(), "worse")
}
