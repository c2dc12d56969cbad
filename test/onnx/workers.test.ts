import { spawnSync } from "node:child_process"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { describe, expect, it } from "vitest"
import { GraphBuilder } from "../../src/onnx/graph.js"
import { WorkerPool } from "../../src/onnx/pool.js"
import { createSession } from "../../src/onnx/session.js"
import { outputOf, tensor } from "../../src/onnx/tensor.js"
import { megabytes, normals, runtime } from "./helpers.js"

function twice(): Uint8Array {
  const graph = new GraphBuilder("twice")
  graph.output(graph.mul(graph.input("x", "float32", ["n"]), 2), "y")
  return graph.toModel()
}

/** So many layers of size × size weights. */
function heavy(size: number, layers: number): Uint8Array {
  const graph = new GraphBuilder("heavy")
  let value = graph.input("x", "float32", ["rows", size])
  for (let layer = 0; layer < layers; layer++) {
    const bytes = new Uint8Array(normals(`layer ${layer}`, size * size, 1 / Math.sqrt(size)).buffer)
    value = graph.gelu(graph.matMul(value, graph.initializer(`w${layer}`, "float32", [size, size], bytes)))
  }
  graph.output(value, "y")
  return graph.toModel()
}

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

  it("give memory back: twenty models come and go", async () => {
    const rss: number[] = []
    const model = heavy(1024, 8)
    const rows = normals("x", 64 * 1024)
    for (let cycle = 0; cycle < 20; cycle++) {
      await using pool = new WorkerPool()
      await using session = await createSession(model, { pool, device: "cpu" })
      await session.run({ x: tensor("float32", rows, [64, 1024]) })
      await session[Symbol.asyncDispose]()
      ;(globalThis as { gc?: () => void }).gc?.()
      rss.push(process.memoryUsage.rss())
    }
    console.log(
      `resident memory after cycles 1, 5, 10, 20: ${[0, 4, 9, 19].map((cycle) => megabytes(rss[cycle]!)).join(", ")}`,
    )
    // A model is 32 MB: were one in three kept, this would be 150 MB and more.
    expect(Math.min(...rss.slice(15)) - Math.max(...rss.slice(1, 5))).toBeLessThan(64 * 2 ** 20)
  })

  it("keep memory level over thousands of runs of changing sizes", async () => {
    await using pool = new WorkerPool()
    await using session = await createSession(heavy(128, 2), { pool, device: "cpu" })
    const run = (rows: number) =>
      session.run({ x: tensor("float32", new Float32Array(rows * 128), [rows, 128]) }, { transfer: true })
    const many = async (count: number) => {
      for (let index = 0; index < count; index += 10)
        await Promise.all(Array.from({ length: 10 }, (_, at) => run(1 + ((index * 7 + at * 31) % 200))))
      return process.memoryUsage.rss()
    }
    const warm = await many(1500)
    const late = await many(4500)
    console.log(`resident memory after 1,500 and 6,000 runs: ${megabytes(warm)}, ${megabytes(late)}`)
    expect(late - warm).toBeLessThan(48 * 2 ** 20)
  })

  it("let the process end, with sessions disposed of or not", () => {
    const folder = mkdtempSync(join(tmpdir(), "rankine-exit-"))
    try {
      for (const part of ["core", "onnx"]) transpile(part, folder)
      writeFileSync(join(folder, "package.json"), `{ "type": "module" }`)
      writeFileSync(join(folder, "twice.onnx"), twice())
      const program = (ending: string) => `
        import { WorkerPool } from ${JSON.stringify(join(folder, "onnx/pool.js"))}
        import { createSession } from ${JSON.stringify(join(folder, "onnx/session.js"))}
        const pool = new WorkerPool({ runtime: ${JSON.stringify(runtime)} })
        const session = await createSession(${JSON.stringify(join(folder, "twice.onnx"))}, { pool, device: "cpu" })
        const { y } = await session.run({ x: { type: "float32", dims: [2], data: Float32Array.of(1, 4) } })
        console.log(y.data.join(" "))
        ${ending}`
      for (const ending of [
        "",
        "await session[Symbol.asyncDispose]()",
        "process.exit(0)",
        "session.run({ x: { type: 'float32', dims: [1], data: Float32Array.of(1) } }).then(() => console.log('late'))",
      ]) {
        const { status, signal, stdout, stderr } = spawnSync(
          process.execPath,
          ["--input-type=module", "-e", program(ending)],
          { encoding: "utf8", timeout: 30_000 },
        )
        expect({ ending, status, signal, stderr }).toEqual({ ending, status: 0, signal: null, stderr: "" })
        expect(stdout).toBe(ending.includes("late") ? "2 8\nlate\n" : "2 8\n")
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

/** The software Vulkan driver that comes with Chromium: slow, and right. */
const chromium = "/usr/lib/chromium"
const swiftshader = join(chromium, "vk_swiftshader_icd.json")

describe.skipIf(!runtime || !existsSync(swiftshader))(
  "WebGPU (onnxruntime-node, Chromium's software Vulkan driver)",
  () => {
    it("computes what the CPU computes, and is taken only by name", () => {
      const folder = mkdtempSync(join(tmpdir(), "rankine-webgpu-"))
      try {
        for (const part of ["core", "onnx"]) transpile(part, folder)
        symlinkSync(fileURLToPath(new URL("../../node_modules", import.meta.url)), join(folder, "node_modules"))
        writeFileSync(join(folder, "package.json"), `{ "type": "module" }`)
        writeFileSync(join(folder, "model.onnx"), heavy(64, 2))
        const program = `
        import { createSession } from ${JSON.stringify(join(folder, "onnx/session.js"))}
        const results = []
        for (const device of ["cpu", "webgpu", "auto"]) {
          await using_(await createSession(${JSON.stringify(join(folder, "model.onnx"))}, { device }), async (session) => {
            const data = Float32Array.from({ length: 192 }, (_, index) => Math.sin(index))
            const { y } = await session.run({ x: { type: "float32", dims: [3, 64], data } })
            results.push({ device: session.device, reason: session.deviceReason, y: [...y.data] })
          })
        }
        async function using_(session, use) {
          await use(session)
          await session[Symbol.asyncDispose]()
        }
        console.log(JSON.stringify(results))`
        const env = { ...process.env, LD_LIBRARY_PATH: chromium, VK_DRIVER_FILES: swiftshader }
        const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
          encoding: "utf8",
          timeout: 50_000,
          env,
        })
        expect(stderr).toBe("")
        const [cpu, webgpu, automatic] = JSON.parse(stdout)
        expect([cpu.device, webgpu.device]).toEqual(["cpu", "webgpu"])
        expect(automatic.device).not.toBe("webgpu")
        const norm = Math.hypot(...cpu.y)
        expect(norm).toBeGreaterThan(0.1)
        expect(Math.hypot(...cpu.y.map((value: number, index: number) => value - webgpu.y[index])) / norm).toBeLessThan(
          1e-5,
        )
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  },
)

/** The sources of a folder as JavaScript, for a process without a test runner. */
function transpile(part: string, into: string): void {
  const from = new URL(`../../src/${part}/`, import.meta.url)
  mkdirSync(join(into, part))
  for (const name of readdirSync(from).filter((file) => file.endsWith(".ts"))) {
    const { outputText } = ts.transpileModule(readFileSync(new URL(name, from), "utf8"), {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    })
    writeFileSync(join(into, part, name.replace(/\.ts$/, ".js")), outputText)
  }
}
