import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { RankineError } from "../../src/core/errors.js"
import { optionalPackages } from "../../src/core/optional.js"
import { fromHalf, toHalf } from "../../src/onnx/data-type.js"
import { GraphBuilder } from "../../src/onnx/graph.js"
import { WorkerPool } from "../../src/onnx/pool.js"
import { createSession, type OnnxSession } from "../../src/onnx/session.js"
import { outputOf, tensor } from "../../src/onnx/tensor.js"
import { normals, runtime } from "./helpers.js"

/** softmax(gelu(layerNorm(x) · W1 + b1) · W2) with weights in PyTorch's layout for the second. */
const sizes = { input: 5, hidden: 7, output: 3 }
const weights = {
  gain: normals("gain", sizes.input),
  bias: normals("bias", sizes.input),
  first: normals("first", sizes.input * sizes.hidden),
  shift: normals("shift", sizes.hidden),
  second: normals("second", sizes.output * sizes.hidden),
}

function perceptron(
  place: (graph: GraphBuilder, name: keyof typeof weights, dims: number[]) => ReturnType<GraphBuilder["input"]>,
): GraphBuilder {
  const { input, hidden, output } = sizes
  const graph = new GraphBuilder("perceptron")
  const x = graph.input("x", "float32", ["rows", input])
  const normal = graph.layerNorm(x, place(graph, "gain", [input]), place(graph, "bias", [input]), 1e-5)
  const activated = graph.gelu(
    graph.add(graph.matMul(normal, place(graph, "first", [input, hidden])), place(graph, "shift", [hidden])),
  )
  const logits = graph.gemm(activated, place(graph, "second", [output, hidden]), undefined, { transB: true })
  graph.output(logits, "logits")
  graph.output(graph.softmax(logits), "probabilities")
  return graph
}

const inline = perceptron((graph, name, dims) =>
  graph.initializer(name, "float32", dims, new Uint8Array(weights[name].buffer)),
)

/** The same in plain arithmetic. The error function is integrated, which owes nothing to anybody's approximation. */
function expected(x: Float32Array): { logits: number[]; probabilities: number[] } {
  const erf = (end: number) => {
    const steps = 2000
    let sum = 0
    for (let step = 0; step < steps; step++) sum += Math.exp(-(((end * (step + 0.5)) / steps) ** 2))
    return (2 / Math.sqrt(Math.PI)) * (end / steps) * sum
  }
  const logits: number[] = []
  const probabilities: number[] = []
  for (let row = 0; row < x.length / sizes.input; row++) {
    const values = [...x.slice(row * sizes.input, (row + 1) * sizes.input)]
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
    const normal = values.map(
      (value, i) => ((value - mean) / Math.sqrt(variance + 1e-5)) * weights.gain[i]! + weights.bias[i]!,
    )
    const hidden = Array.from({ length: sizes.hidden }, (_, j) => {
      const sum = normal.reduce(
        (total, value, i) => total + value * weights.first[i * sizes.hidden + j]!,
        weights.shift[j]!,
      )
      return (sum / 2) * (1 + erf(sum / Math.SQRT2))
    })
    const out = Array.from({ length: sizes.output }, (_, k) =>
      hidden.reduce((total, value, j) => total + value * weights.second[k * sizes.hidden + j]!, 0),
    )
    const exps = out.map(Math.exp)
    const total = exps.reduce((sum, value) => sum + value, 0)
    logits.push(...out)
    probabilities.push(...exps.map((value) => value / total))
  }
  return { logits, probabilities }
}

function close(actual: ArrayLike<number>, wanted: readonly number[], tolerance = 1e-5): void {
  expect(actual.length).toBe(wanted.length)
  for (let i = 0; i < wanted.length; i++) expect(Math.abs(actual[i]! - wanted[i]!)).toBeLessThan(tolerance)
}

async function errorOf(action: Promise<unknown> | (() => Promise<unknown>)): Promise<RankineError> {
  const thrown = await (typeof action === "function" ? action() : action).then(
    () => undefined,
    (error) => error,
  )
  expect(thrown).toBeInstanceOf(RankineError)
  return thrown as RankineError
}

describe("without onnxruntime-node", () => {
  it("the error names the command that brings it", async () => {
    const pool = new WorkerPool({ runtime: join(tmpdir(), "no-onnxruntime-here.js") })
    const error = await errorOf(createSession(inline.toModel(), { pool }))
    expect(error.code).toBe("dependency")
    expect(error.message).toContain(optionalPackages["onnxruntime-node"].install)
    await pool[Symbol.asyncDispose]()
  })
})

describe("the package is looked for", () => {
  it("with the same error as every optional package where it is not installed", async () => {
    vi.resetModules()
    vi.doMock("node:module", () => ({
      createRequire: () => ({
        resolve: () => {
          throw new Error("Cannot find module")
        },
      }),
    }))
    vi.doMock("onnxruntime-node", () => {
      throw new Error("Cannot find package")
    })
    try {
      const { findRuntime } = await import("../../src/onnx/runtime.js")
      const error = await findRuntime().catch((thrown) => thrown)
      expect(error).toMatchObject({ code: "dependency", details: { package: "onnxruntime-node" } })
      expect(error.message).toContain(optionalPackages["onnxruntime-node"].install)
    } finally {
      vi.doUnmock("node:module")
      vi.doUnmock("onnxruntime-node")
      vi.resetModules()
    }
  })
})

describe.skipIf(!runtime)("a session (onnxruntime-node)", () => {
  const pool = new WorkerPool()
  const x = normals("x", 4 * sizes.input, 2)
  const feeds = { x: tensor("float32", x, [4, sizes.input]) }
  let folder: string
  let session: OnnxSession

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "rankine-onnx-"))
    session = await createSession(inline.toModel(), { pool, device: "cpu" })
  })
  afterAll(async () => {
    await pool[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  it("computes what plain arithmetic computes", async () => {
    const outputs = await session.run(feeds)
    const wanted = expected(x)
    close(outputOf(outputs, "logits", "float32").data, wanted.logits)
    close(outputOf(outputs, "probabilities", "float32").data, wanted.probabilities)
    expect(outputs.logits!.dims).toEqual([4, sizes.output])
    expect(session.inputs).toEqual([{ name: "x", type: "float32", dims: ["rows", sizes.input] }])
    expect(session.outputs.map(({ name }) => name)).toEqual(["logits", "probabilities"])
  })

  it("gives the outputs asked for under their own names", async () => {
    const all = await session.run(feeds)
    const last = await session.run(feeds, { outputs: ["probabilities"] })
    expect(last).toEqual({ probabilities: all.probabilities })
    const swapped = await session.run(feeds, { outputs: ["probabilities", "logits"] })
    expect(swapped).toEqual(all)
    expect(() => outputOf(last, "logits", "float32")).toThrow(/no output logits/)
    expect(() => outputOf(last, "probabilities", "int64")).toThrow(/cast/)
  })

  it("reads weights from a file of another program, at an odd offset", async () => {
    let offset = 13
    const pieces: { name: string; offset: number }[] = []
    const chunks: Buffer[] = [Buffer.alloc(offset, 255)]
    for (const [name, data] of Object.entries(weights)) {
      pieces.push({ name, offset })
      chunks.push(Buffer.from(data.buffer), Buffer.alloc(1, 255))
      offset += data.byteLength + 1
    }
    writeFileSync(join(folder, "model.safetensors"), Buffer.concat(chunks))
    const graph = perceptron((builder, name, dims) =>
      builder.weight(name, {
        type: "float32",
        dims,
        location: "model.safetensors",
        offset: pieces.find((piece) => piece.name === name)!.offset,
        length: weights[name].byteLength,
      }),
    )
    const bytes = graph.toModel()
    expect(bytes.length).toBeLessThan(2000)
    await using external = await createSession(bytes, { pool, device: "cpu", externalData: folder })
    expect(await external.run(feeds)).toEqual(await session.run(feeds))
    const error = await errorOf(createSession(bytes, { pool, device: "cpu", externalData: tmpdir() }))
    expect(error.code).toBe("model")
    expect(error.message).toContain("model.safetensors")
  })

  it("loads a file by its path", async () => {
    const path = join(folder, "model.onnx")
    writeFileSync(path, inline.toModel())
    await using fromFile = await createSession(path, {
      pool,
      device: "cpu",
      threads: 1,
      arena: true,
      optimization: "none",
      spinning: true,
      memoryPattern: true,
    })
    close(outputOf(await fromFile.run(feeds), "logits", "float32").data, expected(x).logits)
    expect(fromFile.settings).toMatchObject({ threads: 1, workers: 1, arena: true })
    writeFileSync(path, "this is not a model")
    const broken = await errorOf(createSession(path, { pool, device: "cpu" }))
    expect(broken).toMatchObject({ code: "model", message: expect.stringContaining("model.onnx could not be loaded") })
    expect(await errorOf(createSession(join(folder, "none.onnx"), { pool }))).toMatchObject({ code: "not-found" })
    expect(await errorOf(createSession(path, { pool, threads: 0 }))).toMatchObject({ code: "argument" })
  })

  it("leaves the caller's arrays alone, or takes them when told to", async () => {
    const data = x.slice()
    const given = { x: tensor("float32", data, [4, sizes.input]) }
    const pending = session.run(given)
    data.fill(0)
    const first = await pending
    expect(first).toEqual(await session.run(feeds))
    data.set(x)
    expect(await session.run(given, { transfer: true })).toEqual(first)
    expect(data.length).toBe(0)
    const part = new Float32Array([9, ...x, 9]).subarray(1, x.length + 1)
    expect(await session.run({ x: tensor("float32", part, [4, sizes.input]) }, { transfer: true })).toEqual(first)
    expect(part.buffer.byteLength).toBe((x.length + 2) * 4)
    const shared = new Float32Array(new SharedArrayBuffer(x.byteLength))
    shared.set(x)
    expect(await session.run({ x: tensor("float32", shared, [4, sizes.input]) }, { transfer: true })).toEqual(first)
  })

  it("leaves a model's and a tensor's Buffer alone, which slices without copying", async () => {
    const bytes = Buffer.from(new Uint8Array(inline.toModel()).buffer)
    await using fromBuffer = await createSession(bytes, { pool, device: "cpu" })
    expect(bytes.length).toBeGreaterThan(0)
    expect(await fromBuffer.run(feeds)).toEqual(await session.run(feeds))
    const graph = new GraphBuilder("bytes")
    graph.output(graph.identity(graph.input("x", "uint8", ["n"])), "y")
    await using same = await createSession(graph.toModel(), { pool, device: "cpu" })
    const data = Buffer.from(new Uint8Array([1, 2, 3]).buffer)
    const { y } = await same.run({ x: tensor("uint8", data) })
    expect([[...y!.data], [...data]]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ])
  })

  it("says what is wrong with the feeds", async () => {
    const wrong = async (given: Parameters<OnnxSession["run"]>[0], options?: Parameters<OnnxSession["run"]>[1]) => {
      const { code, message } = await errorOf(() => session.run(given, options))
      expect(code).toBe("argument")
      return message
    }
    expect(await wrong({})).toMatch(/input x is missing/)
    expect(await wrong({ ...feeds, y: feeds.x })).toMatch(/no input y; it has x/)
    expect(await wrong({ x: tensor("int32", new Int32Array(5), [1, 5]) })).toMatch(/float32, got int32/)
    expect(await wrong({ x: tensor("float32", new Float32Array(4), [1, 4]) })).toMatch(/\[rows, 5\], got \[1, 4\]/)
    expect(await wrong({ x: { type: "float32", dims: [2, 5], data: new Float32Array(5) } })).toMatch(/hold 10/)
    expect(await wrong({ x: { type: "float32", dims: [1, 5], data: new Int32Array(5) as never } })).toMatch(
      /Float32Array/,
    )
    expect(await wrong(feeds, { outputs: ["z"] })).toMatch(/no output z; it has logits, probabilities/)
    expect(() => tensor("float32", new Float32Array(3), [2])).toThrow(/hold 2/)
  })

  it("says so when the model fails on its input", async () => {
    const graph = new GraphBuilder("lookup")
    const ids = graph.input("ids", "int64", ["n"])
    graph.output(graph.gather(graph.constant([1, 2, 3]), ids), "y")
    await using lookup = await createSession(graph.toModel(), { pool, device: "cpu" })
    const error = await errorOf(lookup.run({ ids: tensor("int64", BigInt64Array.of(99n)) }))
    expect(error).toMatchObject({ code: "model", message: expect.stringMatching(/Gather/) })
    const { y } = await lookup.run({ ids: tensor("int64", BigInt64Array.of(2n, 0n)) })
    expect([...y!.data]).toEqual([3, 1])
    const { y: none } = await lookup.run({ ids: tensor("int64", new BigInt64Array(0)) })
    expect(none).toEqual({ type: "float32", dims: [0], data: new Float32Array(0) })
  })

  it("carries every element type both ways, halves as ONNX Runtime rounds them", async () => {
    const graph = new GraphBuilder("types")
    const types = {
      float32: Float32Array,
      float16: Uint16Array,
      int64: BigInt64Array,
      int32: Int32Array,
      uint8: Uint8Array,
      int8: Int8Array,
      bool: Uint8Array,
    }
    const inputs = Object.entries(types).map(([type, make]) => {
      const value = graph.input(type, type as "int8", [2])
      graph.output(graph.identity(value), `${type}.`)
      const data =
        make === BigInt64Array
          ? BigInt64Array.of(-5n, 2n ** 40n)
          : (make as typeof Uint8Array).of(1, type === "float16" ? 0x7bff : 0)
      return [type, tensor(type as "int8", data as never)] as const
    })
    const wide = graph.input("wide", "float32", ["n"])
    graph.output(graph.cast(wide, "float16"), "narrow")
    await using typed = await createSession(graph.toModel(), { pool, device: "cpu" })
    const numbers = normals("halves", 5000).map((value, index) => value * 2 ** ((index % 50) - 30))
    const results = await typed.run({ ...Object.fromEntries(inputs), wide: tensor("float32", numbers) })
    for (const [type, given] of inputs) expect(results[`${type}.`]).toEqual(given)
    const narrow = outputOf(results, "narrow", "float16").data
    expect([...narrow]).toEqual([...numbers].map(toHalf))
    expect(fromHalf(narrow[30]!)).toBeCloseTo(numbers[30]!, 3)
  })

  it("takes ONNX Runtime's configuration entries", async () => {
    const error = await errorOf(
      createSession(inline.toModel(), {
        pool,
        device: "cpu",
        config: { "session.load_model_format": "ORT" },
      }),
    )
    expect(error).toMatchObject({ code: "model", message: expect.stringContaining("ORT") })
    await using fixed = await createSession(inline.toModel(), { pool, device: "cpu", dimensions: { rows: 4 } })
    expect(await fixed.run(feeds)).toEqual(await session.run(feeds))
  })

  it("drops queued runs when the signal fires, and ends the wait for the one that is running", async () => {
    const graph = new GraphBuilder("slow")
    const matrix = graph.input("matrix", "float32", [700, 700])
    let value = matrix
    for (let step = 0; step < 6; step++) value = graph.matMul(value, matrix)
    graph.output(graph.reduceMean(value), "mean")
    await using slow = await createSession(graph.toModel(), { pool, device: "cpu" })
    const run = (signal?: AbortSignal) =>
      slow.run({ matrix: tensor("float32", new Float32Array(490_000), [700, 700]) }, signal ? { signal } : {})
    const timed = async (count: number, stopped: number) => {
      const started = performance.now()
      const stop = new AbortController()
      const runs = Array.from({ length: count }, (_, index) => run(index < stopped ? stop.signal : undefined))
      stop.abort(new Error("enough"))
      const results = await Promise.allSettled(runs)
      expect(results.filter(({ status }) => status === "rejected")).toHaveLength(stopped)
      for (const result of results)
        if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "aborted" })
      return performance.now() - started
    }
    await run()
    const all = await timed(12, 0)
    const few = await timed(12, 11)
    expect(few).toBeLessThan(all / 2)
    expect((await errorOf(() => run(AbortSignal.abort()))).code).toBe("aborted")
  })

  it("tells where it runs and why; a device that is not there is an error when it was named", async () => {
    expect(session).toMatchObject({ device: "cpu", deviceReason: "asked for" })
    await using automatic = await createSession(inline.toModel(), { pool })
    if (automatic.device === "cpu") {
      expect(automatic.deviceReason).toMatch(/^auto: no CUDA \(.+\)$/)
      const error = await errorOf(createSession(inline.toModel(), { pool, device: "cuda" }))
      expect(error).toMatchObject({
        code: "dependency",
        message: expect.stringMatching(/cuda was asked for.*device "cpu" or "auto"/),
      })
    } else expect(automatic.device).toBe("cuda")
    const named = createSession(inline.toModel(), { pool, device: "webgpu" })
    await named.then(
      async (webgpu) => {
        close(outputOf(await webgpu.run(feeds), "probabilities", "float32").data, expected(x).probabilities, 1e-4)
        await webgpu[Symbol.asyncDispose]()
      },
      (error) =>
        expect(error).toMatchObject({
          code: "dependency",
          message: expect.stringMatching(/webgpu was asked for.*driver/s),
        }),
    )
    expect((await errorOf(createSession(inline.toModel(), { pool, device: "tpu" as "cpu" }))).code).toBe("argument")
  })

  it("runs side by side in several workers with the same results", async () => {
    await using wide = new WorkerPool()
    await using double = await createSession(inline.toModel(), { pool: wide, device: "cpu", workers: 2 })
    expect(wide.workers).toBe(2)
    const rows = Array.from({ length: 20 }, (_, index) => normals(`rows ${index}`, sizes.input))
    const runs = await Promise.all(rows.map((row) => double.run({ x: tensor("float32", row, [1, sizes.input]) })))
    for (const [index, outputs] of runs.entries())
      close(outputOf(outputs, "logits", "float32").data, expected(rows[index]!).logits)
  })

  it("refuses to run after it was disposed of, and rejects what had not begun", async () => {
    const brief = await createSession(inline.toModel(), { pool, device: "cpu" })
    const runs = Promise.allSettled(Array.from({ length: 5 }, () => brief.run(feeds)))
    await brief[Symbol.asyncDispose]()
    await brief[Symbol.asyncDispose]()
    const results = await runs
    expect(results[0]!.status).toBe("fulfilled")
    expect(results.at(-1)).toMatchObject({ status: "rejected", reason: { code: "argument" } })
    expect((await errorOf(() => brief.run(feeds))).code).toBe("argument")
  })
})
