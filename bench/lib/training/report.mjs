/** Tables of training steps, their marks, and the page for the documentation. @module */
import { readFileSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { parse } from "yaml"
import { megabytes, NONE, table, withSpread } from "../neural/table.mjs"
import { figure } from "../report.mjs"
import { spread } from "../statistics.mjs"

const marksFile = new URL("../../expected/training-step.yaml", import.meta.url)

const measures = {
  seconds: (row) => row.secondsRatio?.median,
  growth: (row) => row.growthRatio,
}

/** Every mark that this result can tell: { name, wanted, value, met }. */
export function checkTrainingMarks(result, marks = parse(readFileSync(marksFile, "utf8")).marks) {
  return marks.flatMap(({ name, measure, workload, engine, atMost }) => {
    const part = result.parts.find((one) => one.name === workload && one.targets === "all")
    const row = part?.rows.find((one) => one.engine === engine)
    const value = row && measures[measure](row)
    if (value === undefined) return []
    return [{ name, wanted: `at most ${figure(atMost)}×`, value: `${figure(value)}×`, met: value <= atMost }]
  })
}

function renderPart({ title, rows, tokens, targets, rank, absent }) {
  const layers = targets === "all" ? "every linear layer but the heads" : "queries and values"
  const heading = `### ${title}\n\nLoRA of rank ${rank} on ${layers}.`
  if (absent) return `${heading}\n\nNot measured: ${absent}.`
  const measured = rows.filter(({ rounds }) => rounds?.length > 0)
  const columns = [
    ["", ({ label, version }) => `${label} (${version})`],
    ["s a step", ({ rounds }) => withSpread(spread(rounds))],
    ["tokens/s", ({ rounds }) => figure(tokens / spread(rounds).median)],
    ["time, of torch's", ({ secondsRatio }) => withSpread(secondsRatio, "×")],
    ["loaded MB", ({ loadedBytes }) => megabytes(loadedBytes)],
    ["peak MB", ({ peakBytes }) => megabytes(peakBytes)],
    ["growth MB", ({ growthBytes }) => megabytes(growthBytes)],
    ["growth, of torch's", ({ growthRatio }) => (growthRatio === undefined ? NONE : `${figure(growthRatio)}×`)],
    ["loss off by", ({ lossOff }) => (lossOff === undefined ? NONE : lossOff.toExponential(1))],
    ["gradient off by", ({ normOff }) => (normOff === undefined ? NONE : normOff.toExponential(1))],
  ]
  const reasons = rows
    .filter(({ rounds }) => !(rounds?.length > 0))
    .map(({ label, stopped, absent: reason }) => `- ${label}: ${stopped ?? reason}`)
  return [heading, table(columns, measured), reasons.join("\n")].filter(Boolean).join("\n\n")
}

function renderMachine({ date, machine, settings }) {
  const memory = `${Math.round(machine.memoryBytes / 2 ** 30)} GB`
  const commit = `commit ${machine.commit}${machine.changed ? " with changes" : ""}`
  const place = `${machine.processor}, ${machine.cores} cores, ${memory}, ${machine.system}, Node ${machine.node}, ${commit}`
  return `${date.slice(0, 10)}, ${place}; ${settings.threads} threads, median of ${settings.rounds} rounds (lowest–highest).`
}

export function renderTraining(result, marks) {
  const rows = marks.map(({ name, wanted, value, met }) => ({ name, wanted, value, met: met ? "met" : "**missed**" }))
  const columns = ["mark", "wanted", "measured", ""].map((title, i) => [
    title,
    (row) => row[["name", "wanted", "value", "met"][i]],
  ])
  const parts = result.parts.map(renderPart)
  return `${[renderMachine(result), ...(rows.length > 0 ? [`### Marks\n\n${table(columns, rows)}`] : []), ...parts].join("\n\n")}\n`
}

const introduction = `# LoRA training steps on the CPU: speed and memory

Written by \`node bench/training-step.mjs --write FILE\`; do not edit.

A step is the forward pass, the backward pass, and AdamW on the adapter. All engines are given the same float32 weights, tokens, labels and
first adapter; *loss off by* and *gradient off by* (the length of the whole gradient, relative) compare the first step with torch's, and an
engine that is off by more than 0.001 has no row. Every engine runs in a process of its own with the same number of threads; they take turns,
round by round, and each takes a step that is not counted before one that is. Ratios are taken within a round.

- *growth*: highest resident memory of the process, less what it held after loading; for rankine that counts the weights, whose file is
  mapped and read in the first step. *layers computed again*: activations within a layer are not kept for the backward pass.
- rankine's session keeps the memory of one step for the next (\`arena\`) and leaves weights as the file has them
  (\`session.disable_prepacking\`).
- Dropout is off, which rankine has not; *dropout as published* shows what it costs torch.
- SmolLM2's weights are those of its GGUF file as float32, in one safetensors file that both read.`

export async function writeTrainingPage(file, result, marks) {
  await writeFile(file, `${introduction}\n\n${renderTraining(result, marks)}`)
}
