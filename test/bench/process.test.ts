import { afterEach, expect, test } from "vitest"
import { EngineProcess, EngineStopped } from "../../bench/lib/process.mjs"

const running: EngineProcess[] = []

function engine(answer: string, limits = { seconds: 60, bytes: 2 ** 40 }): EngineProcess {
  const script = `require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
    const command = JSON.parse(line)
    if (command.op === "quit") process.exit(0)
    ${answer}
  })`
  const started = new EngineProcess({ command: [process.execPath, "-e", script] }, { limits })
  running.push(started)
  return started
}

afterEach(async () => {
  for (const one of running.splice(0)) await one.quit()
})

test("asks and gets answers in turn", async () => {
  const echo = engine("console.log(JSON.stringify({ ok: true, got: command }))")
  expect((await echo.ask("round", { k: 10 })).got).toEqual({ op: "round", k: 10 })
  expect((await echo.ask("hello")).got).toEqual({ op: "hello" })
  expect(echo.residentBytes).toBeGreaterThan(1_000_000)
  expect(echo.peakBytes).toBeGreaterThanOrEqual(echo.residentBytes!)
})

test("stops an engine that takes too long", async () => {
  const silent = engine("", { seconds: 0.5, bytes: 2 ** 40 })
  await expect(silent.ask("index")).rejects.toThrow(/stopped: over .* at index/)
  await expect(silent.ask("round")).rejects.toThrow(EngineStopped)
})

test("stops an engine that takes too much memory", async () => {
  const greedy = engine("globalThis.kept = Buffer.alloc(400 * 2 ** 20, 1)", { seconds: 60, bytes: 300 * 2 ** 20 })
  await expect(greedy.ask("load")).rejects.toThrow(/stopped: over .* GB at load/)
})

test("says why an engine failed, ended or did not start", async () => {
  const failing = engine(`console.log(JSON.stringify({ ok: false, error: "no such analyzer" }))`)
  await expect(failing.ask("load")).rejects.toThrow("failed at load: no such analyzer")
  const crashing = engine(`console.error("out of luck"); process.exit(3)`)
  await expect(crashing.ask("load")).rejects.toThrow("ended (exit 3): out of luck")
  const missing = new EngineProcess({ command: ["no-such-engine"] }, { limits: { seconds: 60, bytes: 2 ** 40 } })
  await expect(missing.ask("hello")).rejects.toThrow("does not start")
})
