/** Resident memory over texts embedded, as SVG. @module */

/** Colours that are told apart on light and dark grounds, and by people who do not see red and green. */
const colours = ["#3b7dd8", "#d9822b", "#1b9e77", "#b05cc6"]
/** Plain markup stands in pages of either ground: axes and letters in a grey that is read on both. */
const GREY = "#808080"

export async function drawGrowth({ rows }) {
  const [Plot, { parseHTML }] = await Promise.all([import("@observablehq/plot"), import("linkedom")])
  const { document } = parseHTML("<!doctype html><html><body></body></html>")
  const shown = rows.filter(({ samples }) => samples)
  const points = shown.flatMap(({ name, every, samples }) =>
    samples.map((bytes, i) => ({ name, texts: (i + 1) * every, megabytes: bytes / 2 ** 20 })),
  )
  const highest = Math.max(...points.map(({ megabytes }) => megabytes))
  const svg = Plot.plot({
    document,
    ariaLabel: "Resident memory over texts embedded",
    width: 720,
    height: 320,
    marginLeft: 56,
    marginRight: 130,
    style: { background: "none", color: GREY, fontFamily: "sans-serif", fontSize: "12px", overflow: "visible" },
    x: { label: "texts embedded", ticks: 5, tickFormat: (value) => value.toLocaleString("en") },
    y: { label: "resident MB", domain: [0, highest * 1.1], grid: true },
    color: { domain: shown.map(({ name }) => name), range: colours },
    marks: [
      Plot.ruleY([0], { stroke: GREY }),
      Plot.lineY(points, { x: "texts", y: "megabytes", stroke: "name", strokeWidth: 1.5 }),
      Plot.text(
        points,
        Plot.selectLast({
          x: "texts",
          y: "megabytes",
          z: "name",
          text: "name",
          fill: "name",
          textAnchor: "start",
          dx: 6,
        }),
      ),
    ],
  })
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg")
  return `${svg.outerHTML}\n`
}
