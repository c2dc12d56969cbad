/** One collection: all engines load it, then take turns, round by round, so that drift of the machine meets all of them. @module */
import { mkdir, readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { absence, engines, OURS } from "./engines.mjs"
import { EngineProcess, EngineStopped } from "./process.mjs"
import { meanNdcg, meanOverlap, ratios, spread } from "./statistics.mjs"

const DEPTHS = [10, 1000]
/** Indexing again is cheap below this many seconds, and one value has no spread. */
const INDEX_AGAIN_SECONDS = 10
const INDEX_ROUNDS = 3
/** Without judgements, rankings are only compared with ours: some engines need minutes for all queries. */
const AGREEMENT_QUERIES = 100
const LATENCY = { k: 10, passes: 5, atMost: 5 }

async function readRankings(file) {
  const lines = (await readFile(file, "utf8")).split("\n").filter(Boolean)
  return new Map(lines.map((line) => [line.split("\t", 1)[0], line.split("\t").slice(1)]))
}

class Participant {
  result
  alive = true
  rankings

  constructor(engine, options) {
    this.engine = engine
    this.process = new EngineProcess(engine, options)
    this.result = { engine: engine.name, index: [], searches: {} }
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

  async index() {
    const { ok: _, ...seconds } = await this.process.ask("index")
    this.result.index.push(seconds)
    this.result.peakBytes ??= this.process.peakBytes
  }

  async round(depth, options, scoringOnly) {
    const { seconds: atLeast, atMost } = options
    const answer = await this.process.ask("round", {
      k: depth,
      atLeast,
      atMost,
      ...(scoringOnly ? { scoringOnly } : {}),
    })
    return answer.queries === undefined ? undefined : answer.queries / answer.seconds
  }
}

async function takeTurns(participants, action) {
  for (const participant of participants) await participant.step(action)
}

async function measureRounds(participants, options, depth, scoringOnly) {
  const name = `${scoringOnly ? "scoring" : "search"}@${depth}`
  const answering = new Set()
  await takeTurns(participants, async (one) => {
    if ((await one.round(depth, { ...options, seconds: options.warmUp }, scoringOnly)) !== undefined) answering.add(one)
  })
  for (let round = 0; round < options.rounds; round++)
    await takeTurns(
      participants.filter((one) => answering.has(one)),
      async (one) => {
        one.result.searches[name] ??= []
        one.result.searches[name].push(await one.round(depth, options, scoringOnly))
      },
    )
}

async function load(participant, collection, scratch) {
  const { process: child, result } = participant
  const { version, runtime } = await child.ask("hello")
  Object.assign(result, { version, runtime })
  const { corpus, queryFile: queries, analyzer } = collection
  await child.ask("load", { corpus, queries, analyzer, scratch: join(scratch, participant.engine.name) })
  await participant.index()
}

/** The last of indexing: analysis apart, then the texts are let go. */
async function release({ process: child, result }) {
  const { seconds } = await child.ask("tokenise")
  if (seconds !== undefined) result.tokeniseSeconds = seconds
  const { postings, bytes, segments } = await child.ask("release")
  if (postings !== undefined) Object.assign(result, { postings, indexBytes: bytes })
  if (segments !== undefined) result.segments = segments
  result.residentBytes = child.residentBytes
}

const isFast = ({ result }) => result.index[0]?.totalSeconds < INDEX_AGAIN_SECONDS

async function indexAgain(participants) {
  for (let round = 1; round < INDEX_ROUNDS; round++) await takeTurns(participants, (one) => one.index())
  await takeTurns(participants, release)
}

async function judge(participant, collection, scratch) {
  const out = join(scratch, `${participant.engine.name}.tsv`)
  // One more than judged, because a query's own document is left out.
  const first = collection.qrels ? collection.queries : AGREEMENT_QUERIES
  await participant.process.ask("rank", { k: 11, first, out })
  participant.rankings = await readRankings(out)
  if (collection.qrels) participant.result.ndcg = meanNdcg(participant.rankings, collection.qrels)
}

function compare(participants) {
  const ours = participants.find((one) => one.engine.name === OURS)
  for (const { result, rankings, engine } of participants) {
    if (!ours || engine.name === OURS) continue
    if (ours.rankings && rankings) result.overlap = meanOverlap(ours.rankings, rankings)
    result.ratios = {}
    for (const [name, rates] of Object.entries(result.searches)) {
      const against = ours.result.searches[name.replace("scoring", "search")]
      if (against) result.ratios[name] = ratios(against, rates)
    }
  }
}

/** Measures the collection with every engine named; options as lib/options.mjs gives them. Returns plain data. */
export async function runCollection(collection, options) {
  const { name, documents, queries, bytes, analyzer } = collection
  const scratch = join(options.cache, `scratch-${process.pid}`)
  await mkdir(scratch, { recursive: true })
  const chosen = engines.filter((engine) => options.engines.includes(engine.name))
  const absent = chosen.flatMap((engine) => {
    const reason = absence(engine, collection)
    return reason ? [{ engine: engine.name, absent: reason }] : []
  })
  const present = chosen.filter((engine) => !absence(engine, collection))
  const participants = []
  const say = (what) => options.onStatus?.(`${name}: ${what}`)
  try {
    for (const engine of present) {
      say(`${engine.name} loads and indexes`)
      const participant = new Participant(engine, options)
      participants.push(participant)
      await participant.step((one) => load(one, collection, scratch))
      // At once, so that large collections do not lie in the memory of every engine together.
      if (!isFast(participant)) await participant.step(release)
    }
    say("indexing again")
    await indexAgain(participants.filter(isFast))
    say("rankings")
    await takeTurns(participants, (one) => judge(one, collection, scratch))
    for (const depth of DEPTHS) {
      say(`rounds at k = ${depth}`)
      await measureRounds(participants, options, depth, false)
      await measureRounds(participants, options, depth, true)
    }
    say("latency")
    await takeTurns(participants, async (one) => {
      const { milliseconds } = await one.process.ask("latency", LATENCY)
      one.result.latency = { ...spread(milliseconds), queries: milliseconds.length }
    })
  } finally {
    for (const participant of participants) await participant.process.quit()
    await rm(scratch, { recursive: true, force: true })
  }
  compare(participants)
  const rows = [...participants.map(({ result }) => result), ...absent]
  const order = chosen.map((engine) => engine.name)
  rows.sort((left, right) => order.indexOf(left.engine) - order.indexOf(right.engine))
  return { name, documents, queries, bytes, analyzer, judged: collection.qrels !== undefined, rows }
}
