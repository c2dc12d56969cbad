/** What runs on a decoder in one batch: answers that are written together, and prompts that are read once. @module */
import type { DecoderCache } from "../decoder/session.js"
import { nextTurn, turnIsOver } from "../turns.js"
import type { Answer } from "./answer.js"
import type { GenerationDecoder } from "./generation-decoder.js"
import type { SharedPrefix } from "./prefixes.js"

/** An answer to be written, after a prefix that others share or none. */
export interface AnswerJob {
  readonly answer: Answer
  readonly prefix: SharedPrefix | undefined
}

/** A prompt to be read for the sake of the logits after some of its tokens. */
export interface ReadJob {
  readonly ids: readonly number[]
  readonly prefix: SharedPrefix | undefined
  /** Positions in the whole prompt, ascending, none in the prefix. */
  readonly places: readonly number[]
  /** Takes `vocabulary` numbers for each place; they are not kept. */
  readonly take: (logits: Float32Array) => void
  /** Told its share of the time. */
  seconds: number
}

/** Room of a cache at the beginning of an answer, in tokens; it grows where answers become longer. */
const ROOM = 256

/** Most bytes of logits that come back at once. */
const LOGIT_BYTES = 128 * 2 ** 20

/** Writes the answers, rows with the same prefix side by side. */
export async function runAnswers(
  decoder: GenerationDecoder,
  jobs: readonly AnswerJob[],
  signal: AbortSignal,
): Promise<readonly AnswerJob[]> {
  const begun = performance.now()
  // The batch fails with the first group that does: what the others still write is of no use.
  const failure = new AbortController()
  const stop = AbortSignal.any([signal, failure.signal])
  let failed: { readonly thrown: unknown } | undefined
  await Promise.all(
    byPrefix(jobs).map(async ([prefix, group]) => {
      try {
        await writeGroup(
          decoder,
          group.map(({ answer }) => answer),
          prefix,
          stop,
        )
      } catch (thrown) {
        failed ??= { thrown }
        failure.abort()
      }
    }),
  )
  if (failed) throw failed.thrown
  const seconds = (performance.now() - begun) / 1000 / jobs.length
  for (const { answer } of jobs) answer.seconds = seconds
  return jobs
}

async function writeGroup(
  decoder: GenerationDecoder,
  answers: readonly Answer[],
  prefix: SharedPrefix | undefined,
  signal: AbortSignal,
): Promise<void> {
  const capacity = Math.max(...answers.map(({ prompt, room }) => prompt.length + Math.min(room, ROOM)))
  const copies = answers.map(() => 0)
  const cache = prefix
    ? await prefix.use((shared) => decoder.selectRows(shared, copies, capacity))
    : await decoder.createCache(answers.length, capacity)
  return writeTogether(decoder, answers, prefix?.ids.length ?? 0, cache, signal)
}

async function writeTogether(
  decoder: GenerationDecoder,
  answers: readonly Answer[],
  read: number,
  empty: DecoderCache,
  signal: AbortSignal,
): Promise<void> {
  let cache = empty
  let going = answers
  let rows: readonly (readonly number[])[] = answers.map(({ prompt }) => prompt.slice(read))
  try {
    while (going.length > 0) {
      const { logits } = await decoder.read(rows, { cache, signal })
      const tokens: number[][] = []
      const kept: number[] = []
      for (const [at, answer] of going.entries()) {
        if (turnIsOver()) await nextTurn(signal)
        const token = answer.accept(logits[at]!)
        if (token === undefined) continue
        kept.push(at)
        tokens.push([token])
      }
      if (kept.length > 0 && kept.length < going.length) {
        const smaller = await decoder.selectRows(cache, kept)
        await cache[Symbol.asyncDispose]()
        cache = smaller
      }
      going = kept.map((at) => going[at]!)
      rows = tokens
    }
  } finally {
    await cache[Symbol.asyncDispose]()
  }
}

/** Reads the prompts and hands out their logits. */
export async function runReads(
  decoder: GenerationDecoder,
  jobs: readonly ReadJob[],
  signal: AbortSignal,
): Promise<readonly ReadJob[]> {
  const begun = performance.now()
  for (const [prefix, group] of byPrefix(jobs)) {
    for (const part of byLogits(group, decoder.config.vocabulary)) {
      const from = prefix?.ids.length ?? 0
      const rows = part.map(({ ids }) => ids.slice(from))
      const places = part.map((job) => job.places.map((place) => place - from))
      const read = async (cache?: DecoderCache) =>
        decoder.read(rows, { ...(cache ? { cache, keep: false } : {}), logits: places, signal })
      const { logits } = prefix ? await prefix.use(read) : await read()
      for (const [at, job] of part.entries()) {
        if (turnIsOver()) await nextTurn(signal)
        job.take(logits[at]!)
      }
    }
  }
  const seconds = (performance.now() - begun) / 1000 / jobs.length
  for (const job of jobs) job.seconds = seconds
  return jobs
}

function byPrefix<Job extends { readonly prefix: SharedPrefix | undefined }>(
  jobs: readonly Job[],
): [SharedPrefix | undefined, Job[]][] {
  const groups = new Map<SharedPrefix | undefined, Job[]>()
  for (const job of jobs) {
    const group = groups.get(job.prefix)
    if (group) group.push(job)
    else groups.set(job.prefix, [job])
  }
  return [...groups]
}

/** Parts whose logits fit into memory together; a job alone may take more. */
function byLogits(jobs: readonly ReadJob[], vocabulary: number): ReadJob[][] {
  const most = LOGIT_BYTES / (4 * vocabulary)
  const parts: ReadJob[][] = []
  let places = Number.POSITIVE_INFINITY
  for (const job of jobs) {
    if (places + job.places.length > most) {
      parts.push([])
      places = 0
    }
    parts.at(-1)!.push(job)
    places += job.places.length
  }
  return parts
}
