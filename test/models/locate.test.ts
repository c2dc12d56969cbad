import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest"
import { defaultModelsDir, locateModel } from "../../src/models/locate.js"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-locate-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))
afterEach(() => vi.unstubAllEnvs())

async function model(...path: string[]): Promise<string> {
  const place = join(folder, ...path)
  await mkdir(place, { recursive: true })
  await writeFile(join(place, "config.json"), "{}")
  return place
}

describe("locateModel", () => {
  it("takes a folder as it is", async () => {
    const place = await model("plain")
    expect(await locateModel(place)).toBe(place)
  })

  it("finds a name among the local models, with and without its organisation", async () => {
    const small = await model("models", "small")
    vi.stubEnv("RANKINE_MODELS", join(folder, "models"))
    vi.stubEnv("HF_HOME", join(folder, "no-cache"))
    expect(defaultModelsDir()).toBe(join(folder, "models"))
    expect(await locateModel("small")).toBe(small)
    expect(await locateModel("org/small")).toBe(small)
    const own = await model("models", "org", "small")
    expect(await locateModel("org/small")).toBe(own)
    await expect(locateModel("small", { modelsDir: join(folder, "elsewhere") })).rejects.toMatchObject({
      code: "not-found",
    })
  })

  it("reads the hub's cache: the main revision, else the newest whole snapshot", async () => {
    const hub = ["home", "hub", "models--org--name"]
    const old = await model(...hub, "snapshots", "1111")
    const recent = await model(...hub, "snapshots", "2222")
    const broken = join(folder, ...hub, "snapshots", "3333")
    await mkdir(broken)
    await symlink(join(folder, "gone"), join(broken, "config.json"))
    await utimes(old, 1000, 1000)
    await utimes(recent, 2000, 2000)
    await utimes(broken, 3000, 3000)
    vi.stubEnv("HF_HOME", join(folder, "home"))
    vi.stubEnv("HF_HUB_CACHE", "")
    const options = { modelsDir: join(folder, "none"), download: false }
    expect(await locateModel("org/name", options)).toBe(recent)
    await mkdir(join(folder, ...hub, "refs"))
    await writeFile(join(folder, ...hub, "refs", "main"), "1111\n")
    expect(await locateModel("org/name", options)).toBe(old)
  })

  it("names the places, the files and the remedy where there is no such model", async () => {
    vi.stubEnv("HF_HOME", join(folder, "empty"))
    vi.stubEnv("HF_HUB_CACHE", "")
    vi.stubEnv("HF_HUB_OFFLINE", "1")
    const failure = await locateModel("org/absent", { modelsDir: join(folder, "models") }).catch((thrown) => thrown)
    expect(failure.code).toBe("not-found")
    for (const part of ["config.json", "model.safetensors", "tokenizer.json", "RANKINE_MODELS", "models--org--absent"])
      expect(failure.message).toContain(part)
    expect(failure.message).toContain(join(folder, "models", "absent"))
    await expect(locateModel(" ")).rejects.toMatchObject({ code: "argument" })
  })

  it("finds a short name of the registry under its repository, in either cache", async () => {
    const snapshot = await model("known", "hub", "models--sentence-transformers--all-MiniLM-L6-v2", "snapshots", "abc")
    vi.stubEnv("HF_HOME", join(folder, "known"))
    vi.stubEnv("HF_HUB_CACHE", "")
    const options = { modelsDir: join(folder, "none"), download: false }
    expect(await locateModel("all-MiniLM-L6-v2", options)).toBe(snapshot)
    await mkdir(join(snapshot, "..", "..", "refs"))
    await writeFile(join(snapshot, "..", "..", "refs", "v1"), "abc")
    const name = "sentence-transformers/all-MiniLM-L6-v2"
    expect(await locateModel(name, { ...options, hub: { revision: "v1" } })).toBe(snapshot)
    await expect(locateModel(name, { ...options, hub: { revision: "v2" } })).rejects.toMatchObject({
      code: "not-found",
    })
  })

  it("never looks outside the folder of models for a name", async () => {
    await model("outside")
    await mkdir(join(folder, "models"), { recursive: true })
    await expect(locateModel("../outside", { modelsDir: join(folder, "models") })).rejects.toMatchObject({
      code: "not-found",
    })
  })
})
