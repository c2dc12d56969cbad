import { existsSync } from "node:fs"
import { cp, mkdir, mkdtemp, open, rm, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest"
import { rankine } from "./run.js"

const shared = join(import.meta.dirname, "../../../shared/models")

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-doctor-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))
afterEach(() => vi.unstubAllEnvs())

/** A machine with nothing but what the test puts there. */
function machine(models: string): void {
  vi.stubEnv("RANKINE_MODELS", join(folder, models))
  vi.stubEnv("HF_HUB_CACHE", join(folder, "hub"))
  vi.stubEnv("HF_HUB_OFFLINE", "1")
}

async function place(...path: string[]): Promise<string> {
  const made = join(folder, ...path)
  await mkdir(made, { recursive: true })
  return made
}

describe("rankine doctor", () => {
  it("lists the models of folders and caches by name, without loading them", async () => {
    machine("models")
    const config = (architecture: string) => JSON.stringify({ model_type: "bert", architectures: [architecture] })
    await writeFile(join(await place("models", "mine"), "config.json"), config("BertForSequenceClassification"))
    await writeFile(join(await place("models", "org", "other"), "config.json"), config("BertModel"))
    const snapshot = await place("hub", "models--org--cached", "snapshots", "abc")
    await writeFile(join(snapshot, "config.json"), config("HF_ColBERT"))
    const { code, out } = await rankine(["doctor", "--json"])
    expect(code).toBe(0)
    const { checks } = JSON.parse(out) as { checks: { name: string; detail: string }[] }
    const detail = (name: string) => checks.find((check) => check.name === name)?.detail
    expect(detail("model mine")).toContain("cross-encoder")
    expect(detail("model org/other")).toContain("embedder")
    expect(detail("model org/cached")).toBe(`late-interaction (${snapshot})`)
  })

  it("says what was looked for where a model is not there, or nothing tells what it is", async () => {
    machine("empty")
    // Nothing is downloaded, whether it may be or not.
    vi.stubEnv("HF_HUB_OFFLINE", "")
    const absent = await rankine(["doctor", "--model", "org/absent"])
    expect(absent).toMatchObject({ code: 4, out: "", err: expect.stringContaining("RANKINE_MODELS") })
    const silent = await place("silent")
    await writeFile(join(silent, "config.json"), "{}")
    expect(await rankine(["doctor", "--model", silent, "--json"])).toMatchObject({ code: 6, out: "" })
  })

  it.skipIf(!existsSync(shared) || !installed("onnxruntime-node"))(
    "finds a model right, and names what is wrong with a damaged one",
    async () => {
      machine("known")
      const good = await place("known", "potion-base-4M-int8")
      await cp(join(shared, "potion-base-4M-int8"), good, { recursive: true })
      const right = await rankine(["doctor", "--model", "potion-base-4M-int8"])
      expect(right.code).toBe(0)
      expect(right.out).toContain("potion-base-4M: ok (static")
      expect(right.out).toContain("✓ the weights are those that were published")

      const damaged = await place("damaged", "potion-base-4M")
      await cp(join(shared, "potion-base-4M-int8"), damaged, { recursive: true })
      const file = await open(join(damaged, "model.safetensors"), "r+")
      await file.write(new Uint8Array(2_000_000).fill(3), 0, 2_000_000, 1_000_000)
      await file.close()
      const wrong = await rankine(["doctor", "--model", damaged, "--json"])
      expect(wrong.code).toBe(5)
      const report = JSON.parse(wrong.out)
      expect(report).toMatchObject({ ok: false, models: [{ name: "potion-base-4M", kind: "static", ok: false }] })
      const problems = report.models[0].findings.filter(({ status }: { status: string }) => status === "problem")
      expect(problems.map(({ code }: { code: string }) => code)).toEqual(["checksum", "model"])
      expect(problems[0].remedy).toContain("again")

      await rm(join(damaged, "tokenizer.json"))
      const missing = await rankine(["doctor", "--model", damaged])
      expect(missing.code).toBe(5)
      expect(missing.out).toContain("tokenizer.json is missing")

      const all = await rankine(["doctor", "--models", "--json"])
      expect(all.code).toBe(0)
      expect(JSON.parse(all.out).models.map(({ folder: where }: { folder: string }) => where)).toContain(good)
    },
  )
})
