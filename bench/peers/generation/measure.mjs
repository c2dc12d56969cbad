/** Rounds of all engines by turns, and the comparison of their answers. @module */
import { EngineProcess } from "../../lib/process.mjs"
import { floatsOf } from "./texts.mjs"

const LIMITS = { seconds: 900, bytes: 8 * 2 ** 30 }
const CONTEXT = 2048

/** What a round consists of: rows by name, tokens to write. */
const PARTS = { one512: 1, eight128: 1, one128: 64 }

function environment(threads) {
  const names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
  return Object.fromEntries(names.map((name) => [name, String(threads)]))
}

async function start(engine, { path, name, threads, rows }) {
  const process_ = new EngineProcess(engine, { limits: LIMITS, env: environment(threads) })
  const { version } = await process_.ask("hello")
  const file = engine.floats ? await floatsOf(path, name) : path
  const { seconds } = await process_.ask("load", { file, threads, contextLength: CONTEXT, rows, ...engine.load })
  return { engine, process: process_, version, seconds, rounds: [] }
}

/** Loads the engines, gives each its rounds by turns, and ends them. */
export async function measureModel(engines, { path, name, file, threads, rounds, onStatus }) {
  const rows = []
  const live = []
  for (const engine of engines) {
    const absent = engine.absence()
    try {
      if (absent) throw new Error(absent)
      live.push(await start(engine, { path, name, threads, rows: 8 }))
    } catch (error) {
      rows.push({ name: engine.name, label: engine.label, absent: error.message })
    }
  }
  for (let round = 0; round < rounds; round++)
    for (const it of live) {
      onStatus(`${name}, ${threads} threads, round ${round + 1} of ${rounds}: ${it.engine.name}`)
      try {
        // While an engine waits for its turn, the system may take back memory that it holds.
        await it.process.ask("round", { file, name: "warm", count: 8 })
        const measured = {}
        for (const [part, count] of Object.entries(PARTS))
          measured[part] = await it.process.ask("round", { file, name: part, count })
        it.rounds.push(measured)
      } catch (error) {
        it.absent = error.message
      }
    }
  for (const it of live) {
    rows.push({
      name: it.engine.name,
      label: it.engine.label,
      version: it.version,
      loadSeconds: it.seconds,
      residentBytes: it.process.residentBytes,
      peakBytes: it.process.peakBytes,
      ...(it.absent ? { absent: it.absent } : {}),
      rates: it.rounds.map(({ one512, eight128, one128 }) => ({
        prompt: one512.promptTokens / one512.firstSeconds,
        prompts: eight128.promptTokens / eight128.firstSeconds,
        generated: (one128.written[0] - 1) / one128.restSeconds,
        firstMilliseconds: one128.firstSeconds * 1000,
      })),
    })
    await it.process.quit()
  }
  return rows.sort((left, right) => place(engines, left) - place(engines, right))
}

const place = (engines, { name }) => engines.findIndex((engine) => engine.name === name)

const TOKENS = 16

/** Greedy answers of `engine` and `other` beside each other: where they part, and by how much each preferred its own token. */
export async function compareAnswers([engine, other], { path, name, texts, prompts, textOf, endIds }) {
  const answers = []
  for (const each of [engine, other]) {
    const absent = each.absence()
    if (absent) return { engine: engine.name, absent: `${each.label}: ${absent}` }
    const it = await start(each, { path, name, threads: 1, rows: 1 })
    answers.push((await it.process.ask("nearest", { rows: prompts, count: TOKENS })).answers)
    await it.process.quit()
  }
  const rows = texts.map((text, at) => {
    const [left, right] = answers.map((all) => all[at])
    let same = 0
    while (same < TOKENS && left.ids[same] !== undefined && left.ids[same] === right.ids[same]) same++
    // One goes on after the token that ends an answer, the other does not.
    if (same === TOKENS || endIds.has(left.ids[same - 1])) return { text, same }
    const gap = ({ top }, chosen, instead) => {
      const known = new Map(top[same])
      return (known.get(chosen) ?? 0) - (known.get(instead) ?? Number.NEGATIVE_INFINITY)
    }
    const [mine, theirs] = [left.ids[same], right.ids[same]]
    return {
      text,
      same,
      tokens: [textOf(mine), textOf(theirs)],
      gaps: [gap(left, mine, theirs), gap(right, theirs, mine)],
    }
  })
  return { engine: engine.name, rows }
}
