/** Embedding and scoring: engines are loaded one after the other, then take turns, round by round. @module */
import { mkdir, readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { threadLimits } from "../engines.mjs"
import { EngineProcess, EngineStopped } from "../process.mjs"
import { ratios } from "../statistics.mjs"
import { agreement } from "./agreement.mjs"
import { neuralEngines, OURS, OURS_INT8, TORCH, unmeasured } from "./engines.mjs"
import { cacheFolder, crossEncoderFolder, exportedFolder, miniLmFolder } from "./folders.mjs"
import { prepareSet } from "./texts.mjs"

const WARM_UP = 32

/** What is measured, by name; `lengths` are tokens, special ones included. */
export const workloads = {
  embed: { task: "embed", set: "scifact", maxLength: 256, title: "Embedding: 512 SciFact documents" },
  mixed: { task: "embed", set: "mixed", maxLength: 256, title: "Embedding: texts of mixed length" },
  memory: { task: "embed", set: "passages", maxLength: 256, title: "Memory: 1,000 passages" },
  rerank: { task: "score", set: "pairs", maxLength: 512, title: "Reranking: 500 pairs" },
}

const foldersOf = (task) =>
  task === "embed"
    ? { folder: miniLmFolder(), onnxFolder: exportedFolder }
    : { folder: crossEncoderFolder, onnxFolder: crossEncoderFolder }

class Participant {
  alive = true

  constructor(engine, options) {
    this.engine = engine
    this.process = new EngineProcess(engine, { ...options, env: threadLimits(options.threads) })
    this.result = { engine: engine.name, label: engine.label, rounds: [] }
  }

  /** Runs a step; an engine that fails or goes over a limit is out, with the reason in its row. */
  async step(action) {
    if (!this.alive) return
    try {
      await action(this)
    } catch (error) {
      if (!(error instanceof EngineStopped)) throw error
      this.alive = false
      this.result.stopped = error.message
    }
  }

  async load(workload, set, threads) {
    const { task, maxLength } = workload
    Object.assign(this.result, pick(await this.process.ask("hello"), ["version", "runtime"]))
    const load = { task, ...foldersOf(task), threads, maxLength, ...this.engine.load }
    Object.assign(this.result, pick(await this.process.ask("load", load), ["device", "precision"]))
    this.result.loadedBytes = this.process.residentBytes
    await this.process.ask("set", set)
  }

  async round(set) {
    // While the others had their turns, the system may have taken back what this process holds.
    await this.process.ask("warm", { name: set.name, count: WARM_UP })
    const { seconds, tokens } = await this.process.ask("round", { name: set.name })
    this.result.rounds.push(seconds)
    if (tokens !== undefined) this.result.tokens = tokens
    this.result.peakBytes = this.process.peakBytes
  }

  async output(set, scratch) {
    const out = join(scratch, `${this.engine.name}.f32`)
    const { rows } = await this.process.ask("output", { name: set.name, out })
    const bytes = await readFile(out)
    this.values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
    this.rows = rows
  }
}

const pick = (record, names) =>
  Object.fromEntries(names.filter((name) => name in record).map((name) => [name, record[name]]))

/** Ratios and agreement, from what the engines left. Tokens are ours: real ones, counted once, so that padding earns nobody anything. */
export function compareRows(participants, task) {
  const find = (name) => participants.find(({ engine, values }) => engine.name === name && values)
  const reference = find(TORCH) ?? find(OURS)
  const tokens = participants.find(({ result }) => result.tokens !== undefined)?.result.tokens
  for (const { engine, result, values, rows } of participants) {
    if (tokens !== undefined) result.tokensPerSecond = result.rounds.map((seconds) => tokens / seconds)
    for (const [field, name] of [
      ["ratio", OURS],
      ["ratioInt8", OURS_INT8],
    ]) {
      const mine = participants.find((one) => one.engine.name === name)?.result
      const speeds = (one) => one.rounds.map((seconds) => 1 / seconds)
      if (mine && name !== engine.name && mine.rounds.length > 0 && result.rounds.length > 0)
        result[field] = ratios(speeds(mine), speeds(result))
    }
    if (values && reference && reference.engine.name !== engine.name && reference.rows === rows)
      result.agreement = agreement(values, reference.values, task === "embed" ? values.length / rows : 1)
  }
  const [fp32, int8] = [find(OURS), find(OURS_INT8)]
  // The same bits in both: the option was not heard, and the row would tell of another precision than it names.
  if (fp32 && int8 && Buffer.compare(Buffer.from(fp32.values.buffer), Buffer.from(int8.values.buffer)) === 0) {
    int8.result.stopped = "gave fp32's numbers: this build has no int8"
    int8.result.rounds = []
    for (const { result } of participants) delete result.ratioInt8
  }
  return { tokens, reference: reference?.engine.name }
}

/** Measures one workload; returns plain data with a row for each engine, those that were left out too. */
export async function runWorkload(name, options) {
  const workload = workloads[name]
  const { task, maxLength, title } = workload
  const part = name === "memory" ? "memory" : task
  const say = (what) => options.onStatus?.(`${name}: ${what}`)
  const chosen = neuralEngines.filter((engine) => engine.tasks.includes(part) && options.engines.includes(engine.name))
  const absent = [
    ...chosen
      .filter((engine) => engine.absence())
      .map(({ name: engine, label, absence }) => ({ engine, label, absent: absence() })),
    ...unmeasured
      .filter(({ tasks }) => tasks.includes(part))
      .map(({ engine, absent: reason }) => ({ engine, label: engine, absent: reason })),
  ]
  const set = await prepareSet(workload.set, options.limit)
  const scratch = join(cacheFolder, `scratch-${process.pid}`)
  await mkdir(scratch, { recursive: true })
  const participants = []
  const turns = async (action) => {
    for (const one of participants) await one.step(action)
  }
  // Held in memory together, the engines would not tell what each takes at its highest while the machine runs short.
  const alone = name === "memory"
  try {
    for (const engine of chosen.filter((one) => !one.absence())) {
      say(`${engine.name} loads`)
      const participant = new Participant(engine, options)
      participants.push(participant)
      await participant.step((one) => one.load(workload, set, options.threads))
      if (!alone) continue
      await participant.step((one) => one.round(set))
      await participant.process.quit()
      participant.alive = false
    }
    for (let round = 0; round < (alone ? 0 : options.rounds); round++) {
      say(`round ${round + 1} of ${options.rounds}`)
      await turns((one) => one.round(set))
    }
    if (!alone) await turns((one) => one.output(set, scratch))
  } finally {
    for (const { process: child } of participants) await child.quit()
    await rm(scratch, { recursive: true, force: true })
  }
  const { tokens, reference } = compareRows(participants, task)
  return {
    name,
    title,
    task,
    items: set.items,
    maxLength,
    tokens,
    reference,
    rows: [...participants.map(({ result }) => result), ...absent],
  }
}
