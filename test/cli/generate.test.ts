/** `rankine generate` against the reference's text. */
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { join } from "node:path"
import { Command } from "commander"
import { describe, expect, it } from "vitest"
import { addGenerateCommand } from "../../src/cli/commands/generate.js"
import { CliContext } from "../../src/cli/context.js"
import { captureStreams } from "./run.js"

const stories = join(import.meta.dirname, "../../../shared/models/stories260K")

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

/** The command alone, as the program adds it. */
async function generate(...args: string[]) {
  const { streams, out, err } = captureStreams()
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  addGenerateCommand(program, new CliContext(streams, new AbortController().signal))
  await program.parseAsync(["generate", ...args], { from: "user" })
  return { out: out(), err: err() }
}

describe.skipIf(!installed("onnxruntime-node") || !existsSync(stories))("rankine generate", () => {
  const reference = async () => JSON.parse(await readFile(join(stories, "reference.json"), "utf8")).prompt

  it("writes text, and what it cost as JSON", async () => {
    const { text, token_ids, prompt_ids } = await reference()
    const prompt = "Once upon a time, there was a little girl"
    const common = ["--model", stories, "--prompt", prompt, "--max-tokens", "24", "--device", "cpu"]
    const { out, err } = await generate(...common)
    expect(text.startsWith(prompt + out.trimEnd())).toBe(true)
    expect(out.trimEnd().length).toBeGreaterThan(30)
    expect(err).toMatch(/tokens? written at .*Cut at --max-tokens/s)
    const result = JSON.parse((await generate(...common, "--json")).out)
    expect(result.text).toBe(out.replace(/\n$/, ""))
    expect(result.tokenIds).toHaveLength(24)
    const all = [...prompt_ids, ...token_ids]
    expect(result.tokenIds).toEqual(all.slice(result.promptTokens, result.promptTokens + 24))
    expect(result.logprobs).toHaveLength(24)
    for (const logprob of result.logprobs) expect(logprob).toBeLessThanOrEqual(0)
    for (const name of ["promptTokensPerSecond", "tokensPerSecond", "peakMemoryBytes"])
      expect(result[name], name).toBeGreaterThan(0)
  })

  it("samples by its seed, and ends before a stop text", async () => {
    const common = ["--model", stories, "--prompt", "Once", "--max-tokens", "20", "--temperature", "1"]
    const one = await generate(...common, "--seed", "1")
    expect((await generate(...common, "--seed", "1")).out).toBe(one.out)
    expect((await generate(...common, "--seed", "2")).out).not.toBe(one.out)
    const stopped = await generate("--model", stories, "--prompt", "Once", "--stop", " a", "--stop", ".", "--json")
    expect(JSON.parse(stopped.out)).toMatchObject({ text: " upon", finishReason: "stop", stopText: " a" })
  })

  it("says what it needs", async () => {
    await expect(generate("--model", stories)).rejects.toThrow(/either --prompt.*or --chat/)
    await expect(generate("--model", stories, "--prompt", "x", "--system", "y")).rejects.toThrow(/give --chat/)
    await expect(generate("--model", stories, "--chat", "x")).rejects.toThrow(/no chat template/)
    await expect(generate("--model", join(stories, "tok512.bin"), "--prompt", "x")).rejects.toThrow(/neither a GGUF/)
  })
})
