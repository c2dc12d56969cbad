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
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { heavy, runtime, twice } from "./helpers.js"

/** The software Vulkan driver that comes with Chromium: slow, and right. */
const chromium = "/usr/lib/chromium"
const swiftshader = join(chromium, "vk_swiftshader_icd.json")

/** Programs of their own, over the sources as JavaScript: what a test runner keeps in memory or alive is not in the way. */
describe.skipIf(!runtime)("a process (onnxruntime-node)", () => {
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "rankine-onnx-"))
    for (const part of ["core", "onnx"]) transpile(part, folder)
    symlinkSync(fileURLToPath(new URL("../../node_modules", import.meta.url)), join(folder, "node_modules"))
    writeFileSync(join(folder, "package.json"), `{ "type": "module" }`)
    writeFileSync(join(folder, "twice.onnx"), twice())
    writeFileSync(join(folder, "small.onnx"), heavy(64, 2))
    writeFileSync(join(folder, "large.onnx"), heavy(1024, 8))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  function run(body: string, { args = [], env = {} }: { args?: string[]; env?: Record<string, string> } = {}) {
    const program = `
      import { readFileSync } from "node:fs"
      import { createSession } from "./onnx/session.js"
      ${body}`
    writeFileSync(join(folder, "program.js"), program)
    const options = { encoding: "utf8", timeout: 50_000, cwd: folder, env: { ...process.env, ...env } } as const
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...args, "program.js"], options)
    return { status, signal, stdout, stderr }
  }

  it.each([
    ["by itself, with a session open", ""],
    ["after a session was disposed of", "await session[Symbol.asyncDispose]()"],
    ["when told to", "process.exit(0)"],
    [
      "while a session is being made",
      "void createSession('large.onnx', { device: 'cpu' }).then(() => process.exit(0))",
    ],
  ])("ends %s", (_, ending) => {
    const result = run(`
      const session = await createSession("twice.onnx", { device: "cpu" })
      const { y } = await session.run({ x: { type: "float32", dims: [2], data: Float32Array.of(1, 4) } })
      console.log(y.data.join(" "))
      ${ending}`)
    expect(result).toEqual({ status: 0, signal: null, stdout: "2 8\n", stderr: "" })
  })

  it("lives as long as a run is under way", () => {
    const { stdout } = run(`
      const session = await createSession("small.onnx", { device: "cpu" })
      session.run({ x: { type: "float32", dims: [1, 64], data: new Float32Array(64) } }).then(() => console.log("done"))`)
    expect(stdout).toBe("done\n")
  })

  it("gets its memory back: twenty models come and go", () => {
    const { stdout, stderr, status } = run(
      `
      const model = readFileSync("large.onnx")
      const rss = []
      for (let cycle = 0; cycle < 20; cycle++) {
        const session = await createSession(model, { device: "cpu" })
        await session.run({ x: { type: "float32", dims: [64, 1024], data: new Float32Array(65536) } })
        if (cycle === 0) rss.push(process.memoryUsage.rss())
        await session[Symbol.asyncDispose]()
        gc()
        // The collector frees large buffers on another thread.
        await new Promise((done) => setTimeout(done, 50))
        rss.push(process.memoryUsage.rss())
      }
      console.log(JSON.stringify(rss.map((bytes) => bytes / 2 ** 20)))`,
      // The C library's allocator keeps some freed blocks of this size for later, unless it is told where to stop.
      { args: ["--expose-gc"], env: { MALLOC_MMAP_THRESHOLD_: "131072" } },
    )
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 })
    const [loaded, ...rss] = JSON.parse(stdout) as number[]
    const shown = [0, 4, 9, 19].map((cycle) => rss[cycle]!.toFixed(0)).join(", ")
    console.log(`resident memory with a model: ${loaded!.toFixed(0)} MB; after cycles 1, 5, 10, 20: ${shown} MB`)
    // A model is 32 MB: were one in fifteen kept, the last would lie above the fifth by more.
    expect(rss[19]! - rss[4]!).toBeLessThan(30)
    expect(rss[0]!).toBeLessThan(loaded! - 20)
  })

  it("keeps its memory level over thousands of runs of changing sizes", () => {
    const { stdout, stderr } = run(`
      const session = await createSession("small.onnx", { device: "cpu" })
      const rss = []
      for (let index = 0; index < 6000; index += 10) {
        const rows = Array.from({ length: 10 }, (_, at) => 1 + ((index * 7 + at * 31) % 200))
        await Promise.all(rows.map((count) => session.run({ x: { type: "float32", dims: [count, 64], data: new Float32Array(count * 64) } })))
        if (index === 1490 || index === 5990) rss.push(process.memoryUsage.rss() / 2 ** 20)
      }
      console.log(JSON.stringify(rss))`)
    expect(stderr).toBe("")
    const [early, late] = JSON.parse(stdout) as [number, number]
    console.log(`resident memory after 1,500 and 6,000 runs: ${early.toFixed(0)}, ${late.toFixed(0)} MB`)
    // One run takes 50 kB in and out: were they kept, this would be 230 MB.
    expect(late - early).toBeLessThan(48)
  })

  it.skipIf(!existsSync(swiftshader))(
    "computes on WebGPU (Chromium's software Vulkan driver) what the CPU computes",
    () => {
      const { stdout, stderr } = run(
        `
      const results = []
      for (const device of ["cpu", "webgpu", "auto"]) {
        const session = await createSession("small.onnx", { device })
        const data = Float32Array.from({ length: 192 }, (_, index) => Math.sin(index))
        const { y } = await session.run({ x: { type: "float32", dims: [3, 64], data } })
        results.push({ device: session.device, y: [...y.data] })
        await session[Symbol.asyncDispose]()
      }
      console.log(JSON.stringify(results))`,
        { env: { LD_LIBRARY_PATH: chromium, VK_DRIVER_FILES: swiftshader } },
      )
      expect(stderr).toBe("")
      const [cpu, webgpu, automatic] = JSON.parse(stdout) as { device: string; y: number[] }[]
      expect([cpu!.device, webgpu!.device]).toEqual(["cpu", "webgpu"])
      expect(automatic!.device).not.toBe("webgpu")
      const norm = Math.hypot(...cpu!.y)
      expect(norm).toBeGreaterThan(0.1)
      expect(Math.hypot(...cpu!.y.map((value, index) => value - webgpu!.y[index]!)) / norm).toBeLessThan(1e-5)
    },
  )
})

/** The sources of a folder as JavaScript. */
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
