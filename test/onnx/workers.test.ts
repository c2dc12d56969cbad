import { monitorEventLoopDelay } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { Scheduler } from "../../src/models/scheduler.js"
import { WorkerPool } from "../../src/onnx/pool.js"
import { createSession } from "../../src/onnx/session.js"
import { outputOf, tensor } from "../../src/onnx/tensor.js"
import { heavy, normals, runtime, twice } from "./helpers.js"

describe.skipIf(!runtime)("workers (onnxruntime-node)", () => {
  it("leave the main thread free while a heavy model runs", async () => {
    await using pool = new WorkerPool()
    await using session = await createSession(heavy(1024, 6), { pool, device: "cpu" })
    const run = () => session.run({ x: tensor("float32", normals("x", 512 * 1024), [512, 1024]) }, { transfer: true })
    await run()
    // Made beforehand: making them is the test's own work on the main thread.
    const feeds = Array.from({ length: 24 }, (_, index) => ({
      x: tensor("float32", normals(`x ${index}`, 256 * 1024), [256, 1024]),
    }))
    const delay = monitorEventLoopDelay({ resolution: 1 })
    const cpu = process.cpuUsage()
    const started = performance.now()
    delay.enable()
    // Four at a time, as a batching caller does; the feeds are copied, which is the main thread's share of the work.
    const lane = async () => {
      for (const feed of feeds) await session.run(feed)
    }
    await Promise.all([lane(), lane(), lane(), lane()])
    delay.disable()
    const seconds = (performance.now() - started) / 1000
    const { user } = process.cpuUsage(cpu)
    const [p50, p99, max] = [delay.percentile(50), delay.percentile(99), delay.max].map(
      (nanoseconds) => nanoseconds / 1e6,
    )
    console.log(
      `event-loop delay while models ran ${seconds.toFixed(1)} s: median ${p50!.toFixed(1)}, p99 ${p99!.toFixed(1)}, maximum ${max!.toFixed(1)} ms`,
    )
    // The arithmetic was done by this process, longer than any delay seen: it was not the main thread that did it.
    expect(user / 1000).toBeGreaterThan(200)
    expect(p99).toBeLessThan(20)
  })

  it("that end are replaced: what was under way fails, the next run works", async () => {
    const runtime = fileURLToPath(new URL("crashing-runtime.cjs", import.meta.url))
    await using pool = new WorkerPool({ runtime })
    await using session = await createSession(twice(), { pool, device: "cpu" })
    await using other = await createSession(heavy(8, 1), { pool, device: "cpu" })
    const run = (first: number) => session.run({ x: tensor("float32", Float32Array.of(first, 1)) })
    const before = await other.run({ x: tensor("float32", new Float32Array(8).fill(1), [1, 8]) })
    for (const [deadly, why] of [
      [666, /ended \(exit code 3\).*next run starts a new one/],
      [777, /ended \(thrown outside of the run\)/],
    ] as const) {
      const results = await Promise.allSettled([run(1), run(deadly), run(2), run(3), run(4)])
      expect(results[0]).toMatchObject({ status: "fulfilled" })
      expect(results[1]).toMatchObject({
        status: "rejected",
        reason: { code: "model", message: expect.stringMatching(why) },
      })
      // What was still queued in front of the worker was not lost with it.
      expect(results[4]).toMatchObject({ status: "fulfilled" })
      expect([...outputOf(await run(5), "y", "float32").data]).toEqual([10, 2])
      expect(await other.run({ x: tensor("float32", new Float32Array(8).fill(1), [1, 8]) })).toEqual(before)
    }
  })

  it("that end get their batch once more when they are new, and only once", async () => {
    const runtime = fileURLToPath(new URL("crashing-runtime.cjs", import.meta.url))
    await using pool = new WorkerPool({ runtime })
    await using session = await createSession(twice(), { pool, device: "cpu" })
    for (const [deaths, runs] of [
      [1, 2],
      [2, 2],
    ]) {
      let attempt = 0
      const scheduler = new Scheduler<number, number>(async (rows) => {
        const first = attempt++ < deaths! ? 666 : rows[0]!
        const y = outputOf(await session.run({ x: tensor("float32", Float32Array.of(first, 1)) }), "y", "float32")
        return [Number(y.data[0])]
      })
      const answer = scheduler.run([21], [1], (value) => value)
      if (deaths === 1) expect(await answer).toEqual([42])
      else await expect(answer).rejects.toMatchObject({ code: "model", message: expect.stringMatching(/ended/) })
      expect(attempt).toBe(runs)
      expect(scheduler.stats).toMatchObject({ batches: 1, retried: 1, failedBatches: deaths! - 1 })
    }
    expect([
      ...outputOf(await session.run({ x: tensor("float32", Float32Array.of(5, 1)) }), "y", "float32").data,
    ]).toEqual([10, 2])
  })
})
