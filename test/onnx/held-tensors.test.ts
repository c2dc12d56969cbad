import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { GraphBuilder } from "../../src/onnx/graph.js"
import { WorkerPool } from "../../src/onnx/pool.js"
import { createSession } from "../../src/onnx/session.js"
import { tensor } from "../../src/onnx/tensor.js"
import { runtime, twice } from "./helpers.js"

/** grown = past + x, sum = everything in it. */
function growing(): Uint8Array {
  const graph = new GraphBuilder("growing")
  const past = graph.input("past", "float32", ["rows", 2])
  const x = graph.input("x", "float32", ["rows", 1])
  const grown = graph.add(past, x)
  graph.output(grown, "grown")
  graph.output(graph.reduceSum(grown, [1], false), "sum")
  return graph.toModel()
}

const x = (...numbers: number[]) => ({ x: tensor("float32", Float32Array.from(numbers), [numbers.length, 1]) })

describe.skipIf(!runtime)("tensors held in the worker", () => {
  it("are read and written in place, whole and by rows, and copied", async () => {
    await using session = await createSession(growing(), { device: "cpu" })
    const past = await session.hold({ past: { type: "float32", dims: [3, 2] } }, { writes: { grown: "past" } })
    expect(past.bytes).toBe(24)
    const sums = async (feeds: ReturnType<typeof x>, held = past) =>
      Array.from((await session.run(feeds, { outputs: ["sum"], held: [held] })).sum!.data as Float32Array)
    expect(await sums(x(1, 2, 3))).toEqual([2, 4, 6])
    expect(await sums(x(10, 10, 10))).toEqual([22, 24, 26])
    expect(await sums(x(100), past.slice(1, 2))).toEqual([224])
    expect(await sums(x(0, 0, 0))).toEqual([22, 224, 26])

    const other = await session.hold({ past: tensor("float32", Float32Array.of(1, 2, 3, 4), [2, 2]) })
    await past.copyTo(other, [[3, 0, 2]])
    // Nothing is written back here, for this one names no output.
    expect(await sums(x(0, 0), other)).toEqual([112 + 13, 7])
    expect(await sums(x(5, 5), other)).toEqual([112 + 13 + 10, 17])
    expect(await sums(x(0, 0), other)).toEqual([112 + 13, 7])
  })

  it("are read from one place and written to another", async () => {
    await using session = await createSession(growing(), { device: "cpu" })
    const options = { writes: { grown: "past" } }
    const first = await session.hold({ past: tensor("float32", Float32Array.of(1, 2), [1, 2]) }, options)
    const second = await session.hold({ past: { type: "float32", dims: [1, 2] } }, options)
    expect(await session.run(x(10), { outputs: [], from: [first], into: [second] })).toEqual({})
    const sum = async (held: typeof first) => (await session.run(x(0), { outputs: ["sum"], from: [held] })).sum!.data[0]
    expect(await sum(first)).toBe(3)
    expect(await sum(second)).toBe(23)
  })

  it("are refused where they do not fit, and gone once released", async () => {
    await using session = await createSession(growing(), { device: "cpu" })
    const past = { type: "float32", dims: [1, 2] } as const
    await expect(session.hold({ passed: past })).rejects.toMatchObject({ code: "argument" })
    await expect(session.hold({ past: { ...past, type: "int32" } })).rejects.toMatchObject({ code: "argument" })
    await expect(session.hold({ past: { ...past, dims: [1, 3] } })).rejects.toMatchObject({ code: "argument" })
    await expect(session.hold({ past }, { writes: { other: "past" } })).rejects.toMatchObject({ code: "argument" })
    const held = await session.hold({ past })
    await expect(
      session.run({ ...x(1), past: tensor("float32", new Float32Array(2), [1, 2]) }, { held: [held] }),
    ).rejects.toMatchObject({ code: "argument" })
    expect((await session.run(x(1), { held: [held], outputs: ["sum"] })).sum!.data[0]).toBe(2)
    await held.release()
    await held.release()
    await expect(session.run(x(1), { held: [held] })).rejects.toMatchObject({
      code: "model",
      message: expect.stringContaining("make them again"),
    })
    // The session goes on.
    expect((await session.run(x(1), { held: [await session.hold({ past })], outputs: ["sum"] })).sum!.data[0]).toBe(2)
  })

  it("come back with the model in a new worker where they are durable, and are lost with the old one elsewhere", async () => {
    await using pool = new WorkerPool({ runtime: fileURLToPath(new URL("crashing-runtime.cjs", import.meta.url)) })
    await using session = await createSession(async () => growing(), { device: "cpu", pool })
    await using deadly = await createSession(twice(), { device: "cpu", pool })
    const past = tensor("float32", Float32Array.of(1, 2), [1, 2])
    const durable = await session.hold({ past }, { durable: true })
    const passing = await session.hold({ past })
    await expect(deadly.run({ x: tensor("float32", Float32Array.of(666)) })).rejects.toMatchObject({ code: "model" })
    await expect(session.run(x(1), { held: [passing] })).rejects.toMatchObject({
      code: "model",
      message: expect.stringContaining("make them again"),
    })
    expect((await session.run(x(1), { held: [durable], outputs: ["sum"] })).sum!.data[0]).toBe(5)
    await durable.release()
    await expect(session.run(x(1), { held: [durable] })).rejects.toMatchObject({ code: "model" })
  })

  it("need one worker", async () => {
    await using pool = new WorkerPool()
    await using session = await createSession(growing(), { device: "cpu", workers: 2, threads: 1, pool })
    await expect(session.hold({ past: { type: "float32", dims: [1, 2] } })).rejects.toMatchObject({ code: "argument" })
  })
})
