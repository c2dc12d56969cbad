/** The plots of the HTML report, as SVG text. Colours are CSS variables, so that one SVG serves light and dark. */
import type * as PlotModule from "@observablehq/plot"
import { percentile } from "../statistics/intervals.js"
import { formatMean, formatMilliseconds, formatRate } from "./format.js"
import type { ReportMeasure, ReportModel, ReportRun } from "./model.js"

export type Plotter = ReturnType<typeof createPlotter>

/** Loads the plotting library and a DOM to draw in, on first use only: they are large. */
export async function loadPlotter() {
  const [plot, { parseHTML }] = await Promise.all([import("@observablehq/plot"), import("linkedom")])
  const { document } = parseHTML("<!doctype html><html><body></body></html>")
  return createPlotter(plot, document as unknown as Document)
}

type Document = NonNullable<PlotModule.PlotOptions["document"]>

function createPlotter(Plot: typeof PlotModule, document: Document) {
  const draw = (label: string, options: PlotModule.PlotOptions): string =>
    Plot.plot({
      document,
      // An attribute of text that is pasted into a page: names of runs are not to bring any markup.
      ariaLabel: label.replace(/[<>&"']/g, " "),
      style: { background: "none", color: "inherit", fontFamily: "inherit", fontSize: "12px", overflow: "visible" },
      ...options,
    }).outerHTML

  const grid = { stroke: "var(--grid)", strokeOpacity: 1 }

  /** The library thins out the labels of a logarithmic axis; here every grid line has one. */
  function logAxis(label: string, domain: readonly [number, number], width: number): PlotModule.Markish[] {
    const ticks = logTicks(domain, width)
    const text = (value: number) => formatRate(value)
    return [Plot.gridX(ticks, grid), Plot.axisX(ticks, { label, labelAnchor: "right", tickSize: 0, text })]
  }

  /** One bar per measure and run, with its 95% interval. */
  function bars(model: ReportModel, width: number): string {
    const rows = model.measures.flatMap((measure) =>
      model.runs.map((run) => {
        const { mean, low, high } = run.intervals.get(measure.name)!
        return {
          measure: label(measure),
          run: run.name,
          mean,
          low: Math.max(0, low),
          high: Math.min(1, high),
          color: run.color,
        }
      }),
    )
    const highest = Math.max(...rows.map(({ high, mean }) => Math.max(high, mean)), 1e-9)
    const limit = highest > 0.5 ? Math.max(1, highest) : highest * 1.05
    const barHeight = model.runs.length > 4 ? 14 : 18
    const longest = Math.max(...model.measures.map((measure) => label(measure).length))
    return draw("Mean of every measure with its 95% confidence interval", {
      width,
      height: model.measures.length * (model.runs.length * barHeight + 16) + 34,
      marginLeft: Math.min(width / 3, longest * 8 + 18),
      marginRight: 56,
      marginTop: 2,
      marginBottom: 32,
      x: { domain: [0, limit], label: null, ticks: width < 500 ? 4 : 6, tickSize: 0 },
      y: { domain: model.runs.map(({ name }) => name), axis: null, padding: 0.18 },
      fy: { domain: model.measures.map(label), label: null, padding: 0.14 },
      marks: [
        Plot.gridX(grid),
        Plot.axisFy({ anchor: "left", fontSize: 13, dx: 4, label: null, textAnchor: "end" }),
        Plot.barX(rows, { x: "mean", y: "run", fy: "measure", fill: "color", rx: 2 }),
        Plot.ruleY(rows, { x1: "low", x2: "high", y: "run", fy: "measure", stroke: "var(--ink)", strokeWidth: 1.25 }),
        ...(["low", "high"] as const).map((end) =>
          Plot.tickX(rows, { x: end, y: "run", fy: "measure", stroke: "var(--ink)", strokeWidth: 1.25, inset: 4 }),
        ),
        Plot.text(rows, {
          y: "run",
          fy: "measure",
          text: ({ mean }: { mean: number }) => formatMean(mean),
          frameAnchor: "right",
          textAnchor: "end",
          dx: 54,
          fill: "var(--ink)",
          fontSize: 12.5,
          fontVariant: "tabular-nums",
        }),
      ],
    })
  }

  /** Each query's value under the baseline and under the run; queries at one place are one larger dot. */
  function scatter(baseline: ReportRun, run: ReportRun, measure: ReportMeasure): string {
    const places = new Map<string, { x: number; y: number; queries: string[] }>()
    for (const [query, values] of Object.entries(run.result.perQuery)) {
      const x = baseline.result.perQuery[query]?.[measure.name]
      const y = values[measure.name]
      if (x === undefined || y === undefined) continue
      const key = `${x.toFixed(4)} ${y.toFixed(4)}`
      const place = places.get(key)
      if (place) place.queries.push(query)
      else places.set(key, { x, y, queries: [query] })
    }
    const sign = measure.higherIsBetter ? 1 : -1
    const dots = [...places.values()].map(({ x, y, queries }) => ({
      x,
      y,
      radius: Math.min(13, 3.6 * queries.length ** 0.35),
      color: x === y ? "var(--faint)" : (y - x) * sign > 0 ? run.color : baseline.color,
      title:
        `${queries.length === 1 ? `query ${queries[0]}` : `${queries.length} queries: ${queries.slice(0, 8).join(", ")}${queries.length > 8 ? ", …" : ""}`}\n` +
        `${baseline.name}: ${formatMean(x)}\n${run.name}: ${formatMean(y)}`,
    }))
    const limit = Math.max(1e-9, ...dots.flatMap(({ x, y }) => [x, y]))
    const domain = [0, limit > 0.5 ? Math.max(1, limit) : limit * 1.05]
    return draw(`${measure.name} of every query: ${baseline.name} against ${run.name}`, {
      width: 420,
      height: 420,
      marginLeft: 42,
      marginBottom: 42,
      marginTop: 24,
      marginRight: 14,
      x: { domain, label: short(baseline.name), labelAnchor: "right", ticks: 5, tickSize: 0 },
      y: { domain, label: short(run.name), ticks: 5, tickSize: 0 },
      // Dots stay clear of the axes, and one query stays visible beside a place that many share.
      inset: 14,
      r: { type: "identity" },
      marks: [
        Plot.gridX(grid),
        Plot.gridY(grid),
        Plot.link([0], {
          x1: 0,
          y1: 0,
          x2: domain[1]!,
          y2: domain[1]!,
          stroke: "var(--faint)",
          strokeDasharray: "4 4",
        }),
        Plot.dot(dots, {
          x: "x",
          y: "y",
          r: "radius",
          fill: "color",
          fillOpacity: 0.72,
          stroke: "var(--card)",
          strokeWidth: 1,
          title: "title",
        }),
      ],
    })
  }

  /** How the values of one measure are spread over the queries. */
  function histogram(run: ReportRun, measure: ReportMeasure, width: number): string {
    const values = Object.values(run.result.perQuery).flatMap((ofQuery) =>
      measure.name in ofQuery ? [ofQuery[measure.name]!] : [],
    )
    const limit = Math.max(1, ...values)
    const bins = Array.from({ length: 20 }, (_, index) => ({
      x1: (limit * index) / 20,
      x2: (limit * (index + 1)) / 20,
      count: values.filter((value) => Math.min(19, Math.floor((value / limit) * 20)) === index).length,
    }))
    return draw(`${measure.name} over the queries`, {
      width,
      height: 240,
      marginLeft: 42,
      marginBottom: 40,
      marginTop: 24,
      x: { domain: [0, limit], label: measure.name, labelAnchor: "right", ticks: 6, tickSize: 0 },
      y: { label: "queries", ticks: 4, tickSize: 0, tickFormat: "d" },
      marks: [
        Plot.gridY(grid),
        Plot.rect(bins, {
          x1: "x1",
          x2: "x2",
          y1: 0,
          y2: "count",
          fill: run.color,
          insetLeft: 1,
          insetRight: 1,
          rx: 1.5,
        }),
        Plot.ruleY([0], { stroke: "var(--axis)" }),
      ],
    })
  }

  /** Latencies of the queries on a logarithmic axis, one row per run, with the median and the 95th and 99th percentile. */
  function latencies(runs: readonly ReportRun[], width: number): string {
    const domain = latencyDomain(runs, 110 / width)
    const bins = runs.flatMap(({ name, result, color }) => {
      const values = result.latenciesMs ?? []
      return logBins(values, domain, width < 500 ? 36 : 60).map((bin) => ({ ...bin, run: name, color }))
    })
    const marks = runs.flatMap(({ name, result: { timings } }) =>
      [
        { at: timings.p50Ms, text: "p50", level: 0 },
        { at: timings.p95Ms, text: "p95", level: 1 },
        { at: timings.p99Ms, text: "p99", level: 2 },
      ].flatMap((mark) => (mark.at > 0 ? [{ ...mark, run: name }] : [])),
    )
    const row = bins.length > 0 ? 118 : 76
    return draw("Distribution of the latencies", {
      width,
      height: runs.length * row + 64,
      marginLeft: 8,
      marginRight: 16,
      marginTop: 22,
      marginBottom: 40,
      x: {
        type: "log",
        domain,
      },
      y: { axis: null, domain: [0, Math.max(1e-9, ...bins.map(({ share }) => share)) * 1.45] },
      fy: { domain: runs.map(({ name }) => name), axis: null, padding: 0.3 },
      marks: [
        ...logAxis("milliseconds per query, logarithmic", domain, width),
        Plot.rect(bins, {
          x1: "x1",
          x2: "x2",
          y1: 0,
          y2: "share",
          fy: "run",
          fill: "color",
          insetLeft: 0.5,
          insetRight: 0.5,
        }),
        Plot.ruleY(runs, { y: 0, fy: (run: ReportRun) => run.name, stroke: "var(--axis)" }),
        // Each percentile has a line of its own for its label, and its rule ends there, so that nothing is crossed out.
        ...marks.flatMap((mark) => [
          Plot.ruleX([mark], {
            x: "at",
            fy: "run",
            stroke: "var(--ink)",
            strokeWidth: 1.25,
            strokeDasharray: "2 2",
            insetTop: mark.level * 14,
          }),
          Plot.text([mark], {
            x: "at",
            fy: "run",
            text: () => `${mark.text} ${formatMilliseconds(mark.at)}`,
            frameAnchor: "top",
            textAnchor: "start",
            dx: 5,
            dy: mark.level * 14,
            fill: "var(--ink)",
            fontVariant: "tabular-nums",
          }),
        ]),
        Plot.text(runs, {
          fy: (run: ReportRun) => run.name,
          text: (run: ReportRun) => short(run.name),
          frameAnchor: "top-left",
          dy: -15,
          fontSize: 13,
          fill: "var(--ink)",
        }),
      ],
    })
  }

  /** Quality against speed: up and to the right is better. */
  function cost(model: ReportModel, measure: ReportMeasure, width: number): string {
    const dots = model.runs.flatMap((run) => {
      const { mean, low, high } = run.intervals.get(measure.name)!
      const x = run.result.queriesPerSecond
      return x > 0
        ? [{ x, mean, low: Math.max(0, low), high: Math.min(1, high), name: run.name, color: run.color }]
        : []
    })
    const speeds = dots.map(({ x }) => x)
    const [slowest, fastest] = [Math.min(...speeds), Math.max(...speeds)]
    const domain: [number, number] = [slowest / 3, fastest * 3]
    // Names of neighbours in speed stand above and below in turn.
    const below = new Set<string>()
    const bySpeed = [...dots].sort((left, right) => left.x - right.x)
    bySpeed.forEach((dot, index) => {
      const before = bySpeed[index - 1]
      const isNear = before && (placeOf(dot.x, domain) - placeOf(before.x, domain)) * width < 130
      if (isNear && !below.has(before.name)) below.add(dot.name)
    })
    return draw(`${measure.name} against queries per second`, {
      width,
      height: 320,
      marginLeft: 48,
      marginBottom: 42,
      marginTop: 26,
      marginRight: 20,
      x: {
        type: "log",
        domain,
      },
      y: { label: label(measure), ticks: 5, tickSize: 0, nice: true, insetTop: 18, insetBottom: 18 },
      marks: [
        ...logAxis("queries per second, logarithmic", domain, width),
        Plot.gridY(grid),
        Plot.ruleX(dots, { x: "x", y1: "low", y2: "high", stroke: "color", strokeWidth: 1.5 }),
        Plot.dot(dots, {
          x: "x",
          y: "mean",
          r: 6.5,
          fill: "color",
          stroke: "var(--card)",
          strokeWidth: 1.5,
          title: ({ name, mean, x }: (typeof dots)[number]) =>
            `${name}\n${measure.name} ${formatMean(mean)}\n${formatRate(x)} queries per second`,
        }),
        ...dots.map((dot) => {
          const place = placeOf(dot.x, domain)
          const isBelow = below.has(dot.name)
          return Plot.text([dot], {
            x: "x",
            y: isBelow ? "low" : "high",
            text: () => short(dot.name),
            textAnchor: place < 0.35 ? "start" : place > 0.65 ? "end" : "middle",
            dx: place < 0.35 ? -6 : place > 0.65 ? 6 : 0,
            dy: isBelow ? 11 : -10,
            fontSize: 13,
            fill: "var(--ink)",
            stroke: "var(--card)",
            strokeWidth: 4,
          })
        }),
      ],
    })
  }

  return { bars, scatter, histogram, latencies, cost }
}

const label = ({ name, higherIsBetter }: ReportMeasure) => (higherIsBetter ? name : `${name} ↓`)

const short = (name: string) => (name.length > 42 ? `${name.slice(0, 41)}…` : name)

/** From the smallest to the largest latency, with room for labels at the right; percentiles stand in where latencies are not kept. */
function latencyDomain(runs: readonly ReportRun[], margin: number): [number, number] {
  const values = runs.flatMap(({ result: { latenciesMs, timings } }) => {
    const sorted = [...(latenciesMs ?? [])].filter((value) => value > 0).sort((left, right) => left - right)
    const ends = sorted.length > 0 ? [sorted[0]!, percentile(sorted, 1)] : []
    return [...ends, timings.p50Ms, timings.p95Ms, timings.p99Ms].filter((value) => value > 0)
  })
  if (values.length === 0) return [0.1, 10]
  const low = Math.min(...values) / 1.3
  return [low, low * ((Math.max(...values) * 1.1) / low) ** (1 / (1 - margin))]
}

/** Shares of the values in bins of equal width on the logarithmic axis. */
function logBins(values: readonly number[], [low, high]: readonly [number, number], count: number) {
  const step = Math.log(high / low) / count
  const counts = new Array<number>(count).fill(0)
  for (const value of values)
    if (value > 0) counts[Math.min(count - 1, Math.max(0, Math.floor(Math.log(value / low) / step)))]!++
  return counts.flatMap((of, index) =>
    of === 0
      ? []
      : [{ x1: low * Math.exp(index * step), x2: low * Math.exp((index + 1) * step), share: of / values.length }],
  )
}

/** 1, 2 and 5 times the powers of ten, or the powers alone where those would stand too close. */
function logTicks([low, high]: readonly [number, number], width: number): number[] {
  const ticks: number[] = []
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    for (const factor of [1, 2, 5]) ticks.push(Number(`${factor}e${power}`))
  const inside = ticks.filter((tick) => tick >= low && tick <= high)
  const powers = inside.filter((tick) => Number.isInteger(Math.log10(tick)))
  return inside.length * 44 > width && powers.length >= 2 ? powers : inside
}

/** Where a value stands on a logarithmic axis, from 0 to 1. */
const placeOf = (value: number, [low, high]: readonly [number, number]) => Math.log(value / low) / Math.log(high / low)
