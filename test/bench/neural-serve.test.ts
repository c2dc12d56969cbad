/** Both servers of the neural protocol, with an adapter that counts letters. */
import { spawnSync } from "node:child_process"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { EngineProcess } from "../../bench/lib/process.mjs"

const engines = fileURLToPath(new URL("../../bench/engines/neural", import.meta.url))
const limits = { seconds: 60, bytes: 2 ** 40 }
let scratch: string
let engine: EngineProcess | undefined
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), "rankine-serve-"))
})
afterEach(async () => {
  await engine?.quit()
  await rm(scratch, { recursive: true, force: true })
})

const script = `import { serve } from ${JSON.stringify(pathToFileURL(join(engines, "serve.mjs")).href)}
const counts = []
await serve({
  version: "1",
  load: async ({ scale }) => ({ scale, facts: { device: "cpu" } }),
  async run({ scale }, { texts, groups }) {
    if (texts?.[0] === "fail") throw new Error("cannot read")
    if (texts) return { values: texts.map((text) => [text.length * scale, texts.length]), tokens: 7 }
    return { values: groups.flatMap(({ query, documents }) => documents.map((one) => query.length + one.length)) }
  },
})`

const python = `import sys
sys.path.insert(0, ${JSON.stringify(engines)})
from serve import serve

class Adapter:
    version = "1"
    def load(self, options):
        print("noise on standard output")
        return options["scale"]
    def run(self, scale, one):
        if "texts" in one:
            if one["texts"][0] == "fail":
                raise ValueError("cannot read")
            return [[len(text) * scale, len(one["texts"])] for text in one["texts"]]
        return [len(g["query"]) + len(d) for g in one["groups"] for d in g["documents"]]

serve(Adapter())
`

const pythonPath = [join(engines, "..", "..", ".venv", "bin", "python"), "python3"].find(
  (program) => spawnSync(program, ["-c", "import numpy"]).status === 0,
)

async function start(program: string, name: string, text: string): Promise<EngineProcess> {
  const file = join(scratch, name)
  await writeFile(file, text)
  engine = new EngineProcess({ command: [program, file] }, { limits })
  return engine
}

async function numbers(file: string): Promise<number[]> {
  const bytes = await readFile(file)
  return [...new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)]
}

const cases = [
  { name: "JavaScript", program: process.execPath, file: "adapter.mjs", text: script, there: true },
  { name: "Python", program: pythonPath ?? "", file: "adapter.py", text: python, there: pythonPath !== undefined },
]

for (const { name, program, file, text, there } of cases)
  describe.skipIf(!there)(name, () => {
    test("runs sets of texts and of pairs, and writes what they gave", async () => {
      const one = await start(program, file, text)
      expect(await one.ask("hello")).toMatchObject({ version: "1" })
      await one.ask("load", { scale: 2 })
      await writeFile(join(scratch, "texts.json"), JSON.stringify({ texts: ["a", "bcd"] }))
      const groups = [
        { query: "q", documents: ["xx", "y"] },
        { query: "qqq", documents: ["z"] },
      ]
      await writeFile(join(scratch, "pairs.json"), JSON.stringify({ groups }))
      await one.ask("set", { name: "texts", file: join(scratch, "texts.json") })
      await one.ask("set", { name: "pairs", file: join(scratch, "pairs.json") })
      await one.ask("warm", { name: "pairs", count: 1 })
      expect((await one.ask("round", { name: "texts" })).seconds).toBeGreaterThanOrEqual(0)
      const out = join(scratch, "out.f32")
      expect(await one.ask("output", { name: "texts", out })).toMatchObject({ rows: 2, numbers: 4 })
      expect(await numbers(out)).toEqual([2, 2, 6, 2])
      expect(await one.ask("output", { name: "pairs", out })).toMatchObject({ rows: 3, numbers: 3 })
      expect(await numbers(out)).toEqual([3, 2, 4])
    })

    test("says why a run failed", async () => {
      const one = await start(program, file, text)
      await one.ask("load", { scale: 1 })
      await writeFile(join(scratch, "texts.json"), JSON.stringify({ texts: ["fail"] }))
      await one.ask("set", { name: "texts", file: join(scratch, "texts.json") })
      await expect(one.ask("round", { name: "texts" })).rejects.toThrow(/failed at round: .*cannot read/)
    })
  })
