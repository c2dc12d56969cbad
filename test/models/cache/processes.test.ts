import { spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

/** The sources as JavaScript, in the folders they have. */
function transpile(part: string, folder: string): void {
  const from = fileURLToPath(new URL(`../../../src/${part}`, import.meta.url))
  mkdirSync(join(folder, part), { recursive: true })
  for (const name of readdirSync(from)) {
    if (!name.endsWith(".ts")) continue
    const { outputText } = ts.transpileModule(readFileSync(join(from, name), "utf8"), {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
    })
    writeFileSync(join(folder, part, name.replace(/\.ts$/, ".js")), outputText)
  }
}

/** A model whose vectors follow from the text, in 3 KB each, so that many pages are written. */
const program = `
import { createHash } from "node:crypto"
import { cacheEmbeddings, openCache } from "./models/cache/index.js"

const [, , directory, job, from, to, maxBytes] = process.argv
const vectorOf = (text) => {
  const bytes = createHash("sha256").update(text).digest()
  return Float32Array.from({ length: 768 }, (_, index) => bytes.readInt32LE(4 * (index % 8)) / (1 + index))
}
let computed = 0
const embed = async (texts) => {
  computed += texts.length
  return { vectors: texts.map(vectorOf), tokens: texts.length, lengths: texts.map(() => 1), truncated: [] }
}
const cache = await openCache(directory, maxBytes ? { maxBytes: Number(maxBytes) } : {})
const model = cacheEmbeddings({ name: "m", dimension: 768, fingerprint: "f", embed }, cache)
console.log("open")
const texts = Array.from({ length: Number(to) - Number(from) }, (_, index) => "text " + (Number(from) + index))
let wrong = 0
for (let round = 0; job === "write" ? round < 1 : job === "forever"; round++)
  for (let at = 0; at < texts.length; at += 50) {
    const some = texts.slice(at, at + 50)
    const { vectors } = await model.embed(some, "document")
    some.forEach((text, index) => {
      const wanted = vectorOf(text)
      if (!vectors[index].every((value, place) => value === wanted[place])) wrong++
    })
    if (job === "forever" && at + 50 >= texts.length) await cache.clear()
  }
const { vectors } = job === "read" ? await model.embed(texts, "document") : { vectors: [] }
vectors.forEach((vector, index) => {
  const wanted = vectorOf(texts[index])
  if (!vector.every((value, place) => value === wanted[place])) wrong++
})
console.log(JSON.stringify({ wrong, computed, ...cache.stats, ...cache.size() }))
await cache[Symbol.asyncDispose]()
`

interface Outcome {
  readonly wrong: number
  readonly computed: number
  readonly hits: number
  readonly failures: number
  readonly lastFailure?: string
  readonly records: number
  readonly bytes: number
}

describe.skipIf(!installed("lmdb"))("a cache between processes", () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "rankine-cache-processes-"))
    for (const part of ["core", "models", "models/cache"]) transpile(part, folder)
    writeFileSync(join(folder, "package.json"), `{ "type": "module" }`)
    writeFileSync(join(folder, "program.js"), program)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const begin = (name: string, job: string, from: number, to: number, maxBytes?: number) => {
    const args = ["program.js", join(folder, name), job, `${from}`, `${to}`]
    if (maxBytes !== undefined) args.push(`${maxBytes}`)
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] })
    let out = ""
    let errors = ""
    let opened!: () => void
    const open = new Promise<void>((resolve) => {
      opened = resolve
    })
    child.stdout.on("data", (data: Buffer) => {
      out += data.toString()
      opened()
    })
    child.stderr.on("data", (data: Buffer) => {
      errors += data.toString()
    })
    const ended = new Promise<{ status: number | null; signal: string | null; errors: string; out: string }>(
      (resolve) =>
        child.on("close", (status, signal) => {
          opened()
          resolve({ status, signal, errors, out })
        }),
    )
    return { child, open, ended }
  }
  const finish = async (running: ReturnType<typeof begin>): Promise<Outcome> => {
    const { status, signal, errors, out } = await running.ended
    expect({ status, signal, errors }).toEqual({ status: 0, signal: null, errors: "" })
    return JSON.parse(out.trim().split("\n").at(-1)!) as Outcome
  }

  it("says what to type where lmdb is missing", async () => {
    const { status, errors } = await begin("none", "write", 0, 1).ended
    expect(status).toBe(1)
    expect(errors).toContain("npm i lmdb")
    symlinkSync(fileURLToPath(new URL("../../../node_modules", import.meta.url)), join(folder, "node_modules"))
  })

  it("takes what two write at once, and both read it", async () => {
    const writers = [begin("both", "write", 0, 1500), begin("both", "write", 1000, 2500)]
    for (const outcome of await Promise.all(writers.map(finish))) {
      expect(outcome).toMatchObject({ wrong: 0, failures: 0 })
      expect(outcome.records).toBeGreaterThanOrEqual(1500)
    }
    const reader = await finish(begin("both", "read", 0, 2500))
    expect(reader).toMatchObject({ wrong: 0, computed: 0, hits: 2500, failures: 0, records: 2500 })
  })

  it("stays within its size though several write", async () => {
    const maxBytes = 4 * 2 ** 20
    const writers = [0, 1000, 2000].map((from) => begin("small", "write", from, from + 2000, maxBytes))
    for (const outcome of await Promise.all(writers.map(finish))) {
      expect(outcome).toMatchObject({ wrong: 0, failures: 0 })
      expect(outcome.bytes).toBeLessThan(1.5 * maxBytes)
    }
  })

  it("never reads anything wrong after writers were killed, and takes new writes", async () => {
    for (let round = 0; round < 3; round++) {
      const killed = begin("killed", "forever", 0, 2000)
      const other = begin("killed", "write", 1500, 2000)
      await killed.open
      await new Promise((resolve) => setTimeout(resolve, 60 + 150 * round))
      killed.child.kill("SIGKILL")
      expect((await killed.ended).signal).toBe("SIGKILL")
      expect(await finish(other)).toMatchObject({ wrong: 0, failures: 0 })
      const reader = await finish(begin("killed", "read", 0, 2000))
      expect(reader).toMatchObject({ wrong: 0, failures: 0 })
      expect(reader.hits + reader.computed).toBe(2000)
    }
    const last = await finish(begin("killed", "read", 0, 2000))
    expect(last).toMatchObject({ wrong: 0, computed: 0, failures: 0 })
  })
})
