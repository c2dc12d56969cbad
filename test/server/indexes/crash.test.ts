import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Random } from "../../../src/core/index.js"
import { ask } from "../toy-server.js"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-crash-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const main = new URL("../../../dist/src/cli/main.js", import.meta.url).pathname

/** The command, as a user starts it, without models. */
async function start(): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const config = join(folder, "server.yaml")
  await writeFile(config, "port: 0\nlog: silent\nrerankers: {}\nembedders: {}\ndata: data\n")
  const child = spawn(process.execPath, [main, "serve", "--config", config], { stdio: ["ignore", "ignore", "pipe"] })
  let said = ""
  for await (const chunk of child.stderr!) {
    said += String(chunk)
    const url = said.match(/listening at (\S+),/)?.[1]
    if (url) return { child, url }
  }
  throw new Error(said)
}

const ROUNDS = 20
const WRITERS = 4

describe("a server that is killed while it writes", () => {
  it("has everything that it acknowledged, and no half of a request", async () => {
    const random = new Random(11)
    /** By id: versions that were sent, and the newest that was acknowledged. Ids of a batch have its versions in common. */
    const sent = new Map<string, number>()
    const acknowledged = new Map<string, number>()
    let version = 0
    for (let round = 0; round < ROUNDS; round++) {
      const { child, url } = await start()
      let alive = true
      const filler = "words that take room ".repeat(200)
      const writer = async (number: number) => {
        while (alive) {
          const mine = ++version
          const batch = `w${number}b${random.integer(4)}`
          const ids = Array.from({ length: 5 }, (_, n) => `${batch}-${n}`)
          sent.set(batch, mine)
          const documents = ids.map((id) => ({ id, text: `${filler} version${mine}`, metadata: { version: mine } }))
          try {
            const { status } = await ask(`${url}/v1/indexes/test/documents`, { documents })
            if (status === 200) acknowledged.set(batch, mine)
          } catch {
            return
          }
        }
      }
      const writers = Array.from({ length: WRITERS }, (_, number) => writer(number))
      await new Promise((resolve) => setTimeout(resolve, 20 + random.integer(400)))
      alive = false
      child.kill("SIGKILL")
      await Promise.all([once(child, "exit"), ...writers])
    }
    const { child, url } = await start()
    const query = ["words"]
    const { json } = await ask(`${url}/v1/search`, { index: "test", query, top_k: 1000, pipeline: "retrieve" })
    const [ranking] = json.rankings as { results: { id: string; document: { metadata: { version: number } } }[] }[]
    const found = new Map(ranking!.results.map(({ id, document }) => [id, document.metadata.version]))
    expect(acknowledged.size).toBe(4 * WRITERS)
    for (const [batch, at] of acknowledged) {
      const versions = Array.from({ length: 5 }, (_, n) => found.get(`${batch}-${n}`))
      expect(new Set(versions).size, `${batch} is whole`).toBe(1)
      expect(versions[0], batch).toBeGreaterThanOrEqual(at)
      expect(versions[0], batch).toBeLessThanOrEqual(sent.get(batch)!)
    }
    expect(found.size).toBe(5 * 4 * WRITERS)
    child.kill("SIGTERM")
    await once(child, "exit")
  }, 120_000)
})
