/** Downloads from a server of our own that stands in for the hub, and misbehaves in every way that hubs do. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { createRequire } from "node:module"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest"
import { cachedFolder, downloadModel, isWholeModel } from "../../src/models/hub.js"
import { locateModel } from "../../src/models/locate.js"

type Answer = Buffer | string | ((request: IncomingMessage, response: ServerResponse) => void)

/** A safetensors file of one tensor with so many numbers. */
function safetensors(count: number): Buffer {
  const header = JSON.stringify({ weight: { dtype: "F32", shape: [count], data_offsets: [0, count * 4] } })
  const lead = Buffer.alloc(8)
  lead.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([lead, Buffer.from(header), Buffer.alloc(count * 4, 1)])
}

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

const repository = "tiny/encoder"

describe.skipIf(!installed("@huggingface/transformers"))("downloadModel", () => {
  let server: Server
  let root: string
  let cacheDir: string
  let files: Map<string, Answer>
  let asked: string[]
  let env: { remoteHost: string; cacheDir: string | null }
  const before = { remoteHost: "", cacheDir: null as string | null }

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "rankine-hub-"))
    server = createServer((request, response) => {
      const path = decodeURIComponent(new URL(request.url!, "http://hub").pathname.slice(1))
      asked.push(path)
      const answer = files.get(path)
      if (answer === undefined) response.writeHead(404).end("Entry not found")
      else if (typeof answer === "function") answer(request, response)
      else response.writeHead(200, { "content-length": Buffer.byteLength(answer) }).end(answer)
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    ;({ env } = await import("@huggingface/transformers"))
    Object.assign(before, { remoteHost: env.remoteHost, cacheDir: env.cacheDir })
    env.remoteHost = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  })
  afterAll(async () => {
    Object.assign(env, before)
    server.closeAllConnections()
    server.close()
    await rm(root, { recursive: true, force: true })
  })

  beforeEach(async () => {
    cacheDir = await mkdtemp(join(root, "cache-"))
    env.cacheDir = cacheDir
    asked = []
    files = new Map<string, Answer>()
    add("config.json", JSON.stringify({ model_type: "bert", architectures: ["BertModel"] }))
    add("tokenizer.json", "{}")
    add("tokenizer_config.json", "{}")
    add(
      "modules.json",
      JSON.stringify([
        { path: "", type: "x.Transformer" },
        { path: "1_Pooling", type: "x.Pooling" },
      ]),
    )
    add("1_Pooling/config.json", "{}")
    add("model.safetensors", safetensors(50_000))
    add("onnx/model.onnx", "graph")
    add("onnx/model_quantized.onnx", "small graph")
  })
  afterEach(() => vi.unstubAllEnvs())

  const add = (name: string, answer: Answer, revision = "main") =>
    files.set(`${repository}/resolve/${revision}/${name}`, answer)
  const remove = (name: string) => files.delete(`${repository}/resolve/main/${name}`)
  const inCache = async () =>
    (await readdir(cacheDir, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(cachedFolder(cacheDir, repository).length + 1))
      .sort()
  const failure = (options = {}) =>
    downloadModel(repository, options).then(
      () => undefined,
      (thrown) => thrown,
    )

  it("brings what a model needs into the cache that @huggingface/transformers reads, and nothing twice", async () => {
    const folder = await downloadModel(repository)
    expect(folder).toBe(join(cacheDir, "tiny", "encoder"))
    expect(await inCache()).toEqual([
      ...["1_Pooling/config.json", "config.json", "model.safetensors"],
      ...["modules.json", "tokenizer.json", "tokenizer_config.json"],
    ])
    expect(await readFile(join(folder, "model.safetensors"))).toEqual(safetensors(50_000))
    const { AutoConfig } = await import("@huggingface/transformers")
    const config = await AutoConfig.from_pretrained(repository, { local_files_only: true })
    expect(config.model_type).toBe("bert")
    asked.length = 0
    expect(await downloadModel(repository)).toBe(folder)
    expect(asked).toEqual([])
  })

  it("is what locateModel does with a hub name that is nowhere on this machine, unless it may not", async () => {
    vi.stubEnv("HF_HOME", join(root, "none"))
    vi.stubEnv("HF_HUB_CACHE", "")
    const options = { modelsDir: join(root, "models") }
    await expect(locateModel(repository, { ...options, download: false })).rejects.toMatchObject({ code: "not-found" })
    vi.stubEnv("HF_HUB_OFFLINE", "1")
    await expect(locateModel(repository, options)).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("HF_HUB_OFFLINE"),
    })
    await expect(downloadModel(repository)).rejects.toMatchObject({ code: "not-found" })
    expect(asked).toEqual([])
    vi.stubEnv("HF_HUB_OFFLINE", "")
    expect(await locateModel(repository, options)).toBe(join(cacheDir, "tiny", "encoder"))
    // A model of one's own goes before everything else.
    await mkdir(join(options.modelsDir, "encoder"), { recursive: true })
    await writeFile(join(options.modelsDir, "encoder", "config.json"), "{}")
    expect(await locateModel(repository, options)).toBe(join(options.modelsDir, "encoder"))
  })

  it("is done too where a tool of Hugging Face's left no more than a configuration", async () => {
    const snapshot = join(root, "hub", "models--tiny--encoder", "snapshots", "abc")
    await mkdir(snapshot, { recursive: true })
    await writeFile(join(snapshot, "config.json"), "{}")
    vi.stubEnv("HF_HUB_CACHE", join(root, "hub"))
    const options = { modelsDir: join(root, "no-models") }
    expect(await locateModel(repository, { ...options, download: false })).toBe(snapshot)
    expect(await locateModel(repository, options)).toBe(join(cacheDir, "tiny", "encoder"))
  })

  it("takes the weights asked for, a revision, and an export where the architecture is not built here", async () => {
    await downloadModel(repository, { onnxPrecision: "q8", weights: "onnx" })
    expect(await inCache()).toContain("onnx/model_quantized.onnx")
    expect(await inCache()).not.toContain("model.safetensors")
    await downloadModel(repository)
    expect(await inCache()).toContain("model.safetensors")
    add("config.json", JSON.stringify({ model_type: "nomic_bert" }), "v1.5")
    add("tokenizer.json", "{}", "v1.5")
    add("model.safetensors", safetensors(10), "v1.5")
    add("onnx/model.onnx", "graph", "v1.5")
    add("onnx/model.onnx_data", "weights", "v1.5")
    const folder = await downloadModel(repository, { revision: "v1.5" })
    expect(folder).toBe(join(cacheDir, "tiny", "encoder", "v1.5"))
    expect((await readdir(join(folder, "onnx"))).sort()).toEqual(["model.onnx", "model.onnx_data"])
    expect(await isWholeModel(folder, { weights: "safetensors" })).toBe(false)
  })

  it("brings all shards before the index that names them", async () => {
    remove("model.safetensors")
    const map = { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" }
    add("model.safetensors.index.json", JSON.stringify({ weight_map: map }))
    add("model-00001-of-00002.safetensors", safetensors(3))
    const missing = await failure()
    expect(missing).toMatchObject({ code: "not-found", message: expect.stringContaining("00002-of-00002") })
    expect(await isWholeModel(cachedFolder(cacheDir, repository))).toBe(false)
    add("model-00002-of-00002.safetensors", safetensors(4))
    expect(await isWholeModel(await downloadModel(repository))).toBe(true)
    cacheDir = env.cacheDir = await mkdtemp(join(root, "cache-"))
    add("model.safetensors.index.json", JSON.stringify({ weight_map: { a: "../../outside.safetensors" } }))
    expect(await failure()).toMatchObject({ code: "not-found", message: expect.stringContaining("outside") })
  })

  it("never takes a file for whole that broke off, and goes on where it was", async () => {
    const whole = safetensors(50_000)
    const breaks: Record<string, Answer> = {
      "connection lost": (_, response) => {
        response.writeHead(200, { "content-length": whole.length })
        response.write(whole.subarray(0, 100_000), () => response.destroy())
      },
      "an end without an announced length": (_, response) => {
        response.writeHead(200)
        response.end(whole.subarray(0, 100_000))
      },
      "an error page": (_, response) => {
        response.writeHead(503)
        response.end("overloaded")
      },
      "a page in its place": "<html>log in to this network</html>",
    }
    for (const [what, answer] of Object.entries(breaks)) {
      add("model.safetensors", answer)
      const error = await failure()
      expect(error, what).toMatchObject({ code: "network" })
      expect(error.message, what).toContain("RANKINE_MODELS")
      expect(
        (await inCache()).filter((name) => name.includes("model.safetensors")),
        what,
      ).toEqual([])
      expect(await isWholeModel(cachedFolder(cacheDir, repository)), what).toBe(false)
    }
    add("model.safetensors", whole)
    asked.length = 0
    expect(await isWholeModel(await downloadModel(repository))).toBe(true)
    expect(asked).not.toContain(`${repository}/resolve/main/tokenizer.json`)
    expect(asked.filter((path) => path.endsWith("model.safetensors"))).toHaveLength(1)
  })

  it("stops when told, and leaves nothing that looks finished", async () => {
    add("model.safetensors", (_, response) => {
      response.writeHead(200, { "content-length": 1_000_000 })
      response.write(Buffer.alloc(1000))
    })
    const controller = new AbortController()
    const outcome = failure({ signal: controller.signal })
    while (!asked.some((path) => path.endsWith("model.safetensors"))) await setTimeout(5)
    controller.abort()
    expect(await outcome).toMatchObject({ code: "aborted" })
    expect((await inCache()).some((name) => name.startsWith("model.safetensors"))).toBe(false)
  })

  it("ignores the remains of a download that was killed", async () => {
    const folder = cachedFolder(cacheDir, repository)
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, "config.json"), JSON.stringify({ model_type: "bert" }))
    await writeFile(join(folder, "tokenizer.json"), "{}")
    await writeFile(join(folder, "model.safetensors.part-123-abcd"), safetensors(50_000).subarray(0, 99))
    expect(await isWholeModel(folder)).toBe(false)
    expect(await readFile(join(await downloadModel(repository), "model.safetensors"))).toEqual(safetensors(50_000))
  })

  it("says what is missing, and how to do without the hub", async () => {
    const status =
      (code: number): Answer =>
      (_, response) =>
        void response.writeHead(code).end()
    add("config.json", status(401))
    expect(await failure()).toMatchObject({ code: "not-found", message: expect.stringContaining("HF_TOKEN") })
    add("config.json", status(429))
    expect(await failure()).toMatchObject({ code: "network", message: expect.stringContaining("429") })
    remove("config.json")
    expect(await failure()).toMatchObject({ code: "not-found", message: expect.stringContaining("no config.json") })
    add("config.json", "{}")
    for (const name of ["model.safetensors", "onnx/model.onnx"]) remove(name)
    const error = await failure()
    expect(error.code).toBe("not-found")
    for (const part of ["onnx/model.onnx", "model.safetensors", repository, "RANKINE_MODELS"])
      expect(error.message).toContain(part)
    const host = env.remoteHost
    env.remoteHost = "http://127.0.0.1:9/"
    cacheDir = env.cacheDir = await mkdtemp(join(root, "cache-"))
    const unreachable = await failure()
    env.remoteHost = host
    expect(unreachable).toMatchObject({ code: "network", message: expect.stringContaining("RANKINE_MODELS") })
    await writeFile(join(cacheDir, "tiny"), "a file where a folder must be")
    expect(await failure()).toMatchObject({ code: "storage" })
  })

  it("sends the token to the hub and to nobody else", async () => {
    vi.stubEnv("HF_TOKEN", "hf_for_tests")
    let seen: string | undefined = "nothing asked"
    add("config.json", (request, response) => {
      seen = request.headers.authorization
      response.end("{}")
    })
    await downloadModel(repository)
    expect(seen).toBeUndefined()
  })
})
