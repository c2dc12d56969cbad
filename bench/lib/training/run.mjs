/** Engines are loaded one after the other, then take training steps in turns, round by round. @module */
import { existsSync } from "node:fs"
import { threadLimits } from "../engines.mjs"
import { EngineProcess, EngineStopped } from "../process.mjs"
import { ratios } from "../statistics.mjs"
import { TORCH, trainingEngines } from "./engines.mjs"
import { unpack } from "./weights.mjs"

class Participant {
  alive = true

  constructor(engine, options) {
    this.process = new EngineProcess(engine, { ...options, env: threadLimits(options.threads) })
    this.result = { engine: engine.name, label: engine.label, rounds: [] }
    this.engine = engine
  }

  /** Runs a step; an engine that fails or goes over a limit is out, with the reason in its row. */
  async attempt(action) {
    if (!this.alive) return
    try {
      await action()
    } catch (error) {
      if (!(error instanceof EngineStopped)) throw error
      this.alive = false
      this.result.stopped = error.message
    }
  }

  async load(settings) {
    const { version } = await this.process.ask("hello")
    const { modules } = await this.process.ask("load", { ...settings, ...this.engine.load })
    Object.assign(this.result, { version, modules, loadedBytes: this.process.residentBytes })
    // The first step tells whether all compute the same; what it takes is not counted.
    const { loss, norm } = await this.process.ask("step")
    Object.assign(this.result, { loss, norm })
  }

  async round() {
    // While the others had their turns, the system may have taken back what this process holds.
    await this.process.ask("step")
    const { seconds } = await this.process.ask("step")
    this.result.rounds.push(seconds)
    this.result.peakBytes = this.process.peakBytes
  }
}

/** What the same step on the same weights cannot differ by, with the first adapter and without dropout. */
const TOLERANCE = 1e-3

/** Rows with ratios to torch; refuses what did another step than torch. */
export function compare(rows) {
  const base = rows.find(({ engine, rounds }) => engine === TORCH && rounds?.length > 0)
  for (const row of rows) {
    if (row.peakBytes !== undefined) row.growthBytes = row.peakBytes - row.loadedBytes
    if (!base || row === base || !(row.rounds?.length > 0)) continue
    row.secondsRatio = ratios(row.rounds, base.rounds)
    row.growthRatio = row.growthBytes / (base.peakBytes - base.loadedBytes)
    row.lossOff = Math.abs(row.loss - base.loss)
    row.normOff = Math.abs(row.norm - base.norm) / base.norm
    const same = row.lossOff < TOLERANCE && row.normOff < TOLERANCE && row.modules === base.modules
    if (same || row.engine === "torch-dropout") continue
    row.stopped = `another step than torch's: ${row.modules} layers, loss ${row.loss}, length of the gradient ${row.norm}`
    row.rounds = []
    row.secondsRatio = row.growthRatio = undefined
  }
}

/** Measures one workload; returns plain data with a row for each engine, those that were left out too. */
export async function runTraining(workload, options) {
  const { name, title, kind, rows, length, gguf, remedy } = workload
  const folder = workload.folder()
  const say = (what) => options.onStatus?.(`${name}: ${what}`)
  if (gguf !== undefined && existsSync(gguf)) await unpack(gguf, folder)
  const part = { name, title, tokens: rows * length, targets: options.targets, rank: options.rank }
  if (!existsSync(folder)) return { ...part, rows: [], absent: `the model is not there (${remedy})` }
  const chosen = trainingEngines.filter(
    (engine) => workload.engines.includes(engine.name) && options.engines.includes(engine.name),
  )
  const absent = chosen
    .filter((engine) => engine.absence())
    .map(({ name: engine, label, absence }) => ({ engine, label, absent: absence() }))
  const { threads, targets, rank } = options
  const participants = []
  try {
    for (const engine of chosen.filter((one) => !one.absence())) {
      say(`${engine.name} loads`)
      const participant = new Participant(engine, options)
      participants.push(participant)
      await participant.attempt(() => participant.load({ folder, kind, rows, length, targets, rank, threads }))
    }
    for (let round = 0; round < options.rounds; round++) {
      say(`round ${round + 1} of ${options.rounds}`)
      for (const one of participants) await one.attempt(() => one.round())
    }
  } finally {
    for (const { process: child } of participants) await child.quit()
  }
  const results = participants.map(({ result }) => result)
  compare(results)
  return { ...part, rows: [...results, ...absent] }
}
