/** What a user of the package gets: files, entry points, and the command as a process of its own. */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { createWriteStream, existsSync, readFileSync, statSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("../../", import.meta.url))
const main = join(root, "dist/src/cli/main.js")

interface Manifest {
  readonly bin: Record<string, string>
  readonly exports: Record<string, string | { readonly types: string; readonly default: string }>
}
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest

let scratch: string
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "rankine-package-"))
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

function node(...args: string[]) {
  return spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" })
}

describe.skipIf(!existsSync(main))("the package, as built in dist", () => {
  it("packs what its entry points name, and nothing that only a developer needs", () => {
    const packed = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
      cwd: root,
      encoding: "utf8",
    })
    const [{ files, size }] = JSON.parse(packed.stdout) as [{ files: { path: string; size: number }[]; size: number }]
    const paths = new Set(files.map(({ path }) => path))
    const targets = Object.values(manifest.exports).flatMap((target) =>
      typeof target === "string" ? [target] : [target.types, target.default],
    )
    for (const target of [...targets, ...Object.values(manifest.bin)])
      expect(paths, target).toContain(target.replace(/^\.\//, ""))
    for (const path of ["README.md", "LICENSE", "NOTICE"]) expect(paths).toContain(path)
    expect([...paths].filter((path) => /^(src|test|bench|docs|\.)|\.as\.|\.test\./.test(path))).toEqual([])
    const models = files.filter(({ path }) => path.startsWith("assets/models/"))
    for (const model of ["potion-base-4M", "splade-tiny"])
      for (const file of ["model.safetensors", "tokenizer.json", "config.json", "LICENSE"])
        expect(paths).toContain(`assets/models/${model}/${file}`)
    // What the package may weigh without being a burden: two models, and everything else.
    expect(models.reduce((sum, file) => sum + file.size, 0)).toBeLessThan(10e6)
    expect(size).toBeLessThan(10e6)
  })

  it("has a command that an operating system can start", () => {
    expect(readFileSync(main, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/)
    expect(statSync(main).mode & 0o111).not.toBe(0)
  })

  it.each(Object.keys(manifest.exports).filter((path) => path !== "./package.json"))("imports %s", (path) => {
    const specifier = `rankine${path.slice(1)}`
    const { stdout, stderr } = node(
      "--input-type=module",
      "--eval",
      `console.log(Object.keys(await import(${JSON.stringify(specifier)})).length)`,
    )
    expect(stderr).toBe("")
    expect(Number(stdout)).toBeGreaterThan(0)
  })

  it("stays light: importing it loads no native code, no plotting, nothing of the command line", () => {
    const hooks = `
      import { writeSync } from "node:fs"
      export async function load(url, context, next) {
        if (url.includes("/node_modules/")) writeSync(1, url.split("/node_modules/").pop() + "\\n")
        return next(url, context)
      }`
    const { stdout, status } = node(
      "--input-type=module",
      "--eval",
      `import { register } from "node:module"
       register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hooks)}))
       await import("rankine")`,
    )
    expect(status).toBe(0)
    const heavy = /^(onnxruntime|hnswlib|linkedom|@observablehq|commander|cli-table3|cli-progress|elasticlunr)/
    expect(stdout.split("\n").filter((path) => heavy.test(path))).toEqual([])
  })

  it("exports what the README's first lines use", () => {
    const { stdout } = node(
      "--input-type=module",
      "--eval",
      `const { search } = await import("rankine")
       const { hits } = await search("how do I get CUDA?", { in: "docs" })
       console.log(hits[0].id, hits[0].document.title)`,
    )
    expect(stdout).toBe("install.md Installing\n")
  })
})

describe.skipIf(!existsSync(main) || process.platform === "win32")("the command as a process", () => {
  const lines = 3000

  async function indexOfManyDocuments(): Promise<string> {
    const file = join(scratch, "many.jsonl")
    const directory = join(scratch, "many.index")
    if (existsSync(directory)) return directory
    const text = Array.from({ length: lines }, (_, n) => JSON.stringify({ _id: `d${n}`, text: `common word${n}` }))
    await writeFile(file, text.join("\n"))
    expect(node(main, "index", file, "--output", directory).status).toBe(0)
    return directory
  }

  it("is quiet when the reader of its output goes away", async () => {
    const directory = await indexOfManyDocuments()
    const child = spawn(process.execPath, [main, "search", directory, "common", "-k", String(lines)])
    let errors = ""
    child.stderr.on("data", (chunk) => (errors += chunk))
    await once(child.stdout, "data")
    child.stdout.destroy()
    const [code] = await once(child, "close")
    expect(errors).toBe("")
    expect(code).toBe(0)
  })

  it("stops in good order on Ctrl+C, with 130", async () => {
    // Input that never ends: the command can only be stopped.
    const file = join(scratch, "endless.jsonl")
    expect(spawnSync("mkfifo", [file]).status).toBe(0)
    const child = spawn(process.execPath, [main, "index", file, "--output", join(scratch, "endless.index")])
    let errors = ""
    child.stderr.on("data", (chunk) => (errors += chunk))
    const pipe = createWriteStream(file)
    pipe.on("error", () => {})
    let n = 0
    const feed = setInterval(() => {
      for (let i = 0; i < 1000; i++) pipe.write(`{"_id": "d${n++}", "text": "words"}\n`)
    }, 5)
    await once(pipe, "open")
    setTimeout(() => child.kill("SIGINT"), 500)
    const [code] = await once(child, "close")
    clearInterval(feed)
    pipe.destroy()
    expect(errors).toContain("stopped")
    expect(code).toBe(130)
    expect(existsSync(join(scratch, "endless.index"))).toBe(false)
  })

  it("draws no progress bar and writes one JSON value where nothing is a terminal", () => {
    const { stdout, stderr, status } = node(
      main,
      "bench",
      "--data",
      "mbpp",
      "-k",
      "10",
      "-o",
      join(scratch, "run"),
      "--json",
    )
    expect(status).toBe(0)
    expect(stderr).toBe("")
    expect(JSON.parse(stdout)).toMatchObject({ schema: "rankine.result/1" })
  })
})
