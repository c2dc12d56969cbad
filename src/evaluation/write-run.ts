import { open } from "node:fs/promises"
import { RankineError } from "../core/errors.js"
import type { Ranking } from "../core/ranking.js"
import type { Run, RunHit } from "./types.js"

const word = new DataView(new ArrayBuffer(4))

/** The next smaller 32-bit float. */
export function nextFloatDown(value: number): number {
  if (value === 0) return -(2 ** -149)
  word.setFloat32(0, value)
  word.setUint32(0, word.getUint32(0) + (value > 0 ? -1 : 1))
  return word.getFloat32(0)
}

/** Far enough from the largest 32-bit float that a million steps down from it stay finite. */
const LIMIT = Math.fround(3e38)

/**
 * Scores that strictly fall as 32-bit floats, in the order of the hits: the true score where it is already below the one
 * before, else the next smaller 32-bit float. trec_eval reads scores as 32-bit floats and breaks ties by document id,
 * descending, so anything less would change the order. Infinite scores become ±3e38. Throws `score-kind` for NaN.
 */
export function separateScores(hits: readonly RunHit[]): number[] {
  let previous = Number.POSITIVE_INFINITY
  return hits.map(({ id, score }) => {
    if (Number.isNaN(score))
      throw new RankineError("score-kind", `document ${id} has the score NaN, which cannot be written`)
    const bounded = Math.max(-LIMIT, Math.min(LIMIT, score))
    if (Math.fround(bounded) < previous) {
      previous = Math.fround(bounded)
      return bounded
    }
    previous = nextFloatDown(previous)
    return previous
  })
}

/** The shortest decimal that reads back as the same 32-bit float; a true score that is none is printed in full. */
function formatScore(score: number): string {
  if (Math.fround(score) !== score) return String(score)
  for (let digits = 6; digits < 9; digits++) {
    const text = String(Number(score.toPrecision(digits)))
    if (Math.fround(Number(text)) === score) return text
  }
  return String(Number(score.toPrecision(9)))
}

/** The lines of one query's ranking; `separator` is a tab where an id contains a space. */
function formatRanking(query: string, hits: readonly RunHit[], tag: string, separator: string): string {
  const scores = separateScores(hits)
  let text = ""
  for (let i = 0; i < hits.length; i++)
    text += `${[query, "Q0", hits[i]!.id, i + 1, formatScore(scores[i]!), tag].join(separator)}\n`
  return text
}

const hasSpace = (id: string) => /\s/.test(id)

function check(id: string, what: string): void {
  if (id === "" || id.trim() !== id || /[\t\n\v\f\r]/.test(id))
    throw new RankineError(
      "data",
      `a TREC run cannot hold the ${what} id ${JSON.stringify(id)}: empty, or with tabs, line ends or outer spaces`,
    )
}

/** A run as the rankings are: query id → hits in their order. Throws `argument` for two rankings of one query. */
export function toRun(rankings: readonly Ranking[]): Map<string, RunHit[]> {
  const run = new Map<string, RunHit[]>()
  for (const { query, hits } of rankings) {
    if (run.has(query.id)) throw new RankineError("argument", `there are two rankings of query ${query.id}`)
    run.set(
      query.id,
      hits.map(({ id, score }) => ({ id, score })),
    )
  }
  return run
}

/**
 * The text of a TREC run, in pieces of one query. Columns are separated by a space, or by a tab throughout when any id
 * contains a space: readRun reads that back, other programs cannot read such ids in this format at all.
 * Throws `data` for an id or tag that the format cannot hold, `score-kind` for NaN.
 */
export function* formatRun(run: Run, tag = "rankine"): Generator<string> {
  if (tag === "" || hasSpace(tag))
    throw new RankineError("argument", `the tag of a run is one word, not ${JSON.stringify(tag)}`)
  let separator = " "
  for (const [query, hits] of run) {
    check(query, "query")
    if (hasSpace(query)) separator = "\t"
    for (const { id } of hits) {
      check(id, "document")
      if (hasSpace(id)) separator = "\t"
    }
  }
  for (const [query, hits] of run) yield formatRanking(query, hits, tag, separator)
}

/**
 * Writes a TREC run (`query Q0 document rank score tag`) on which trec_eval finds exactly the order given here.
 * Throws as `formatRun` and `separateScores` do, and `storage` when the file cannot be written.
 */
export async function writeRun(file: string, run: Run | readonly Ranking[], tag = "rankine"): Promise<void> {
  const pieces = formatRun(Array.isArray(run) ? toRun(run) : (run as Run), tag)
  let handle: Awaited<ReturnType<typeof open>> | undefined
  try {
    handle = await open(file, "w")
    for (const piece of pieces) await handle.write(piece)
  } catch (thrown) {
    if (thrown instanceof RankineError) throw thrown
    throw new RankineError("storage", `cannot write ${file}: ${(thrown as Error).message}`, { cause: thrown })
  } finally {
    await handle?.close()
  }
}
