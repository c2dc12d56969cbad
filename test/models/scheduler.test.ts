import { setImmediate as turn, setTimeout as wait } from "node:timers/promises"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { RankineError } from "../../src/core/errors.js"
import { planBatches } from "../../src/models/batching.js"
import { type BatchReport, Scheduler, type SchedulerOptions } from "../../src/models/scheduler.js"

interface Row {
  readonly name: string
  readonly length: number
}

const rowsOf = (client: string, lengths: readonly number[]): Row[] =>
  lengths.map((length, index) => ({ name: `${client}${index}`, length }))
const lengthsOf = (rows: readonly Row[]) => rows.map(({ length }) => length)
const answer = ({ name }: Row) => `answer to ${name}`

/** A model that answers when told to, and keeps the batches it was given. */
function manual(options: SchedulerOptions = {}) {
  const batches: { rows: readonly Row[]; signal: AbortSignal; finish(): void; fail(error: unknown): void }[] = []
  const scheduler = new Scheduler<Row, string>((rows, signal) => {
    const { promise, resolve, reject } = withResolvers<string[]>()
    batches.push({ rows, signal, finish: () => resolve(rows.map(answer)), fail: reject })
    return promise
  }, options)
  const run = (rows: readonly Row[], more: Parameters<typeof scheduler.run>[3] = {}) =>
    scheduler.run(rows, lengthsOf(rows), (text) => text, more)
  /** Finishes batches one by one until nothing more comes. */
  const drain = async (from = 0) => {
    await turn()
    for (let at = from; at < batches.length; at++) {
      batches[at].finish()
      await turn()
    }
  }
  return { batches, scheduler, run, drain }
}

function withResolvers<Value>() {
  let resolve!: (value: Value) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<Value>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

describe("Scheduler", () => {
  it("gives results in the caller's order, converted, and reports progress", async () => {
    const { run, drain, scheduler } = manual({ limits: { maxTokens: 18 } })
    const rows = rowsOf("a", [5, 1, 9, 9, 2, 7, 3])
    const seen: number[] = []
    const promise = run(rows, { onRows: (done) => seen.push(done) })
    await drain()
    expect(await promise).toEqual(rows.map(answer))
    expect(seen.at(-1)).toBe(rows.length)
    expect(seen.length).toBeGreaterThan(1)
    expect(await run([])).toEqual([])
    const lengthInstead = scheduler.run(rows, lengthsOf(rows), (text) => text.length)
    await drain(seen.length)
    expect(await lengthInstead).toEqual(rows.map((row) => answer(row).length))
  })

  it("merges calls made side by side into batches of like lengths", async () => {
    const { run, drain, batches, scheduler } = manual({ limits: { maxTokens: 1000, maxRows: 64 } })
    const calls = Array.from({ length: 50 }, (_, call) => rowsOf(`c${call}-`, [call % 2 === 0 ? 10 : 200]))
    const promises = calls.map((rows) => run(rows))
    await drain()
    expect(await Promise.all(promises)).toEqual(calls.map((rows) => rows.map(answer)))
    // 25 rows of 10 tokens fit one batch, five of 200 another: no short row is padded to 200.
    expect(batches.length).toBe(1 + 5)
    for (const { rows } of batches) expect(new Set(lengthsOf(rows)).size).toBe(1)
    const { tokens, padded, rows, waitingRows } = scheduler.stats
    expect({ tokens, padded, rows, waitingRows }).toEqual({ tokens: 5250, padded: 5250, rows: 50, waitingRows: 0 })
  })

  it("pads no more than batches planned for one call alone", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 200 }),
        async (lengths) => {
          const { run, drain, batches, scheduler } = manual({ limits: { maxTokens: 1200, maxRows: 32 } })
          const promise = run(rowsOf("a", lengths))
          await drain()
          await promise
          const planned = planBatches(lengths, { maxTokens: 1200, maxRows: 32 })
          const padded = planned.reduce((sum, batch) => sum + batch.length * lengths[batch[0]], 0)
          expect(scheduler.stats.padded).toBeLessThanOrEqual(padded)
          expect(scheduler.stats.tokens).toBe(lengths.reduce((sum, length) => sum + length, 0))
          for (const { rows } of batches) {
            expect(rows.length).toBeLessThanOrEqual(32)
            if (rows.length > 1) expect(rows.length * Math.max(...lengthsOf(rows))).toBeLessThanOrEqual(1200)
          }
        },
      ),
      { numRuns: 50 },
    )
  })

  it("serves a small call soon though a huge one came first, and the huge one though small ones keep coming", async () => {
    const { run, batches } = manual({ limits: { maxTokens: 640, maxRows: 64 } })
    let next = 0
    const finishOne = async () => {
      batches[next++].finish()
      await turn()
    }
    const huge = run(rowsOf("huge", new Array(2000).fill(64)))
    await turn()
    await finishOne()
    const begun = batches.length
    let smallAt: number | undefined
    const small = run(rowsOf("small", [9])).then(() => {
      smallAt = next
    })
    await turn()
    while (smallAt === undefined) await finishOne()
    await small
    // Batches that were under way when it came, and its own.
    expect(smallAt).toBeLessThanOrEqual(begun + 1)

    // Three others ask again as soon as they are answered, each time for a full batch and as somebody new: served first, they would take all.
    let hugeDone = false
    let othersDone = 0
    void huge.then(() => (hugeDone = true))
    const askAgain = async (name: string) => {
      while (!hugeDone) {
        await run(rowsOf(`${name}${othersDone}-`, new Array(5).fill(128)))
        othersDone++
      }
    }
    const others = ["x", "y", "z"].map(askAgain)
    const before = next
    await turn()
    while (!hugeDone && next < batches.length) await finishOne()
    // The huge call had 200 batches: while two of the others are in the model, its share is between a quarter and a half.
    expect(hugeDone).toBe(true)
    expect(next - before).toBeLessThan(4 * 200 + 20)
    expect(othersDone).toBeGreaterThan(190)
    while (next < batches.length) await finishOne()
    await Promise.all(others)
  })

  it("gives a client one share, however many calls it makes", async () => {
    const { run, batches, drain } = manual({ limits: { maxTokens: 100, maxRows: 1 } })
    const greedy = Array.from({ length: 40 }, (_, call) => run(rowsOf(`greedy${call}-`, [100]), { client: "greedy" }))
    const modest = Array.from({ length: 4 }, (_, call) => run(rowsOf(`modest${call}-`, [100]), { client: "modest" }))
    await drain()
    await Promise.all([...greedy, ...modest])
    const last = batches.findLastIndex(({ rows }) => rows[0].name.startsWith("modest"))
    expect(last).toBeLessThanOrEqual(8)
  })

  it("drops the rows of an aborted call before they run, and tells the model where nobody waits any more", async () => {
    const { run, batches, drain, scheduler } = manual({ limits: { maxTokens: 100, maxRows: 2 } })
    const stop = new AbortController()
    const gone = run(rowsOf("gone", new Array(10).fill(50)), { signal: stop.signal })
    await turn()
    const other = run(rowsOf("other", [50]))
    expect(batches.length).toBe(2)
    stop.abort(new Error("left"))
    await expect(gone).rejects.toMatchObject({ code: "aborted", cause: stop.signal.reason })
    expect(batches.map(({ signal }) => signal.aborted)).toEqual([true, true])
    expect(scheduler.stats).toMatchObject({ waitingRows: 1, dropped: 6 })
    await drain()
    expect(await other).toEqual(["answer to other0"])
    expect(batches.flatMap(({ rows }) => rows).length).toBe(4 + 1)
    await expect(run(rowsOf("late", [1]), { signal: stop.signal })).rejects.toMatchObject({ code: "aborted" })
  })

  it("lets a shared batch finish where only one of its callers left", async () => {
    const { run, batches, drain } = manual()
    const stop = new AbortController()
    const gone = run(rowsOf("gone", [5]), { signal: stop.signal })
    const stays = run(rowsOf("stays", [5]))
    await turn()
    expect(batches.length).toBe(1)
    stop.abort()
    await expect(gone).rejects.toMatchObject({ code: "aborted" })
    expect(batches[0].signal.aborted).toBe(false)
    await drain()
    expect(await stays).toEqual(["answer to stays0"])
  })

  it("fails only the calls whose rows were in the batch that failed", async () => {
    const { run, batches, drain, scheduler } = manual({ limits: { maxTokens: 100, maxRows: 2 } })
    const first = run(rowsOf("first", [50, 50, 50, 50, 50, 50]))
    const second = run(rowsOf("second", [10, 10]))
    await turn()
    const hit = batches.findIndex(({ rows }) => rows[0].name.startsWith("first"))
    batches[hit].fail(new RankineError("model", "no"))
    await expect(first).rejects.toMatchObject({ code: "model", message: "no" })
    await drain()
    expect(await second).toEqual(["answer to second0", "answer to second1"])
    expect(scheduler.stats.failedBatches).toBe(1)
    expect(scheduler.stats.waitingRows).toBe(0)
    // A call whose conversion fails does not take its batch mates along.
    const bad = scheduler.run(rowsOf("bad", [5]), [5], () => {
      throw new RankineError("data", "cannot convert")
    })
    const good = run(rowsOf("good", [5]))
    const refused = expect(bad).rejects.toMatchObject({ code: "data" })
    await drain(batches.length)
    await refused
    expect(await good).toEqual(["answer to good0"])
  })

  it("refuses a batch with too few answers", async () => {
    const short = new Scheduler<Row, number>(async () => [0])
    await expect(short.run(rowsOf("a", [1, 1]), [1, 1], (value) => value)).rejects.toMatchObject({ code: "internal" })
  })

  it("refuses calls once more waits than may, and takes them again later", async () => {
    const { run, drain, scheduler } = manual({ limits: { maxTokens: 10, maxRows: 1 }, maxWaitingTokens: 30 })
    // Larger than the queue and alone: it is taken.
    const large = run(rowsOf("large", new Array(6).fill(10)))
    await turn()
    expect(scheduler.stats.waitingTokens).toBe(40)
    await expect(run(rowsOf("a", [1]))).rejects.toMatchObject({ code: "busy", details: { waitingTokens: 40 } })
    const more = run(rowsOf("more", [1]), { admitted: true })
    await drain()
    await Promise.all([large, more])
    expect(scheduler.stats.refused).toBe(1)
    const later = run(rowsOf("later", [10]))
    await drain(7)
    expect(await later).toEqual(["answer to later0"])
  })

  it("ends a call at its deadline and drops what has not run", async () => {
    const { run, batches, drain, scheduler } = manual({ limits: { maxRows: 1 } })
    const late = run(rowsOf("late", [5, 5, 5, 5]), { deadline: Date.now() + 20 })
    await expect(late).rejects.toMatchObject({ code: "budget" })
    // One runs and one, being full, lies ready.
    expect(batches.length).toBe(2)
    expect(scheduler.stats.dropped).toBe(2)
    await expect(run(rowsOf("b", [1]), { deadline: Date.now() - 1 })).rejects.toMatchObject({ code: "budget" })
    const intime = run(rowsOf("c", [1]), { deadline: Date.now() + 1e12 })
    await drain()
    expect(await intime).toEqual(["answer to c0"])
  })

  it("waits for more only where a window is given, and never for a full batch", async () => {
    const windowed = manual({ window: 30, limits: { maxTokens: 100, maxRows: 4 } })
    const first = windowed.run(rowsOf("a", [5]))
    await wait(2)
    expect(windowed.batches.length).toBe(0)
    const second = windowed.run(rowsOf("b", [5]))
    while (windowed.batches.length === 0) await wait(5)
    expect(windowed.batches.map(({ rows }) => rows.length)).toEqual([2])
    await windowed.drain()
    await Promise.all([first, second])
    const full = windowed.run(rowsOf("c", [5, 5, 5, 5]))
    await turn()
    expect(windowed.batches.length).toBe(2)
    await windowed.drain(1)
    await full

    const eager = manual()
    void eager.run(rowsOf("a", [5]))
    await turn()
    expect(eager.batches.length).toBe(1)
  })

  it("hands a second batch over ahead of time only where it is full", async () => {
    const { run, batches, drain } = manual({ limits: { maxTokens: 100, maxRows: 2 } })
    const all = [run(rowsOf("a", [5]))]
    await turn()
    all.push(run(rowsOf("b", [5])))
    await turn()
    expect(batches.length).toBe(1)
    all.push(run(rowsOf("c", [5])))
    await turn()
    expect(batches.map(({ rows }) => rows.length)).toEqual([1, 2])
    await drain()
    await Promise.all(all)
  })

  it("refuses everything once closed", async () => {
    const { run, scheduler, batches } = manual({ limits: { maxRows: 1 } })
    const waiting = run(rowsOf("a", [5, 5, 5]))
    await turn()
    scheduler.close()
    await expect(waiting).rejects.toMatchObject({ code: "argument" })
    expect(batches.every(({ signal }) => signal.aborted)).toBe(true)
    await expect(run(rowsOf("b", [5]))).rejects.toMatchObject({ code: "argument" })
  })

  it("refuses options out of range", () => {
    for (const options of [
      { workers: 0 },
      { window: -1 },
      { maxWaitingTokens: Number.NaN },
      { limits: { maxRows: 0 } },
    ])
      expect(() => new Scheduler(async () => [], options)).toThrow(RankineError)
  })

  it("listens once to a signal for each call, and no longer than the call lasts", async () => {
    const warnings: Error[] = []
    const listen = (warning: Error) => warnings.push(warning)
    process.on("warning", listen)
    const { run, drain, scheduler } = manual()
    const stop = new AbortController()
    const calls = Array.from({ length: 40 }, (_, call) => run(rowsOf(`c${call}-`, [5]), { signal: stop.signal }))
    await drain()
    await Promise.all(calls)
    stop.abort()
    await turn()
    process.off("warning", listen)
    expect(warnings).toEqual([])
    expect(scheduler.stats.dropped).toBe(0)
  })

  it("answers every row exactly once, equal to running alone, whatever arrives, leaves or fails", async () => {
    const call = fc.record({
      lengths: fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 30 }),
      after: fc.integer({ min: 0, max: 3 }),
      client: fc.option(fc.constantFrom("x", "y"), { nil: undefined }),
      abortAfter: fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(call, { minLength: 1, maxLength: 12 }),
        fc.record({
          maxTokens: fc.integer({ min: 20, max: 600 }),
          maxRows: fc.integer({ min: 1, max: 20 }),
          workers: fc.integer({ min: 1, max: 3 }),
        }),
        fc.array(fc.nat(9), { minLength: 1, maxLength: 40 }),
        async (calls, { maxTokens, maxRows, workers }, luck) => {
          const ran = new Map<string, number>()
          const failedRows = new Set<string>()
          const reports: BatchReport[] = []
          let running = 0
          let turns = 0
          const model = new Scheduler<Row, string>(
            async (rows) => {
              running++
              expect(running).toBeLessThanOrEqual(workers + 1)
              expect(rows[0].length).toBe(Math.max(...lengthsOf(rows)))
              expect(rows.length).toBeLessThanOrEqual(maxRows)
              if (rows.length > 1) expect(rows.length * rows[0].length).toBeLessThanOrEqual(maxTokens)
              for (const { name } of rows) ran.set(name, (ran.get(name) ?? 0) + 1)
              const fate = luck[turns++ % luck.length]
              for (let step = 0; step < fate % 3; step++) await turn()
              running--
              if (fate !== 9) return rows.map(answer)
              for (const { name } of rows) failedRows.add(name)
              throw new RankineError("model", "unlucky")
            },
            { limits: { maxTokens, maxRows }, workers, onBatch: (report) => reports.push(report) },
          )
          const outcomes = await Promise.all(
            calls.map(async ({ lengths, after, client, abortAfter }, index) => {
              for (let step = 0; step < after; step++) await turn()
              const rows = rowsOf(`c${index}-`, lengths)
              const stop = new AbortController()
              const seen: string[] = []
              const keep = (text: string) => {
                seen.push(text)
                return text
              }
              const promise = model.run(rows, lengths, keep, {
                signal: stop.signal,
                client,
              })
              if (abortAfter !== undefined)
                void (async () => {
                  for (let step = 0; step < abortAfter; step++) await turn()
                  stop.abort()
                })()
              const [outcome] = await Promise.allSettled([promise])
              return { rows, outcome, seen, stop }
            }),
          )
          for (const { rows, outcome, seen, stop } of outcomes) {
            expect(new Set(seen).size).toBe(seen.length)
            if (outcome.status === "fulfilled") {
              expect(outcome.value).toEqual(rows.map(answer))
              expect(seen.length).toBe(rows.length)
            } else {
              const { code } = outcome.reason as RankineError
              if (code === "aborted") expect(stop.signal.aborted).toBe(true)
              else expect(rows.some(({ name }) => failedRows.has(name))).toBe(true)
            }
          }
          for (const times of ran.values()) expect(times).toBe(1)
          while (running > 0) await turn()
          await turn()
          const { waitingRows, waitingTokens, waitingClients, rows, dropped, tokens, padded } = model.stats
          expect([waitingRows, waitingTokens, waitingClients]).toEqual([0, 0, 0])
          expect(rows).toBe(ran.size)
          expect(rows + dropped).toBe(calls.reduce((sum, { lengths }) => sum + lengths.length, 0))
          expect(tokens).toBeLessThanOrEqual(padded)
          expect(reports.reduce((sum, report) => sum + report.padded, 0)).toBe(padded)
        },
      ),
      { numRuns: 200 },
    )
  })
})
