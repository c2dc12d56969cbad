/**
 * The engine's side of the generation protocol: one JSON command a line on standard input, one JSON answer a line on standard output.
 * An adapter gives:
 *   version                    its version
 *   load(options)              { file, threads, contextLength, rows, ... } → { generate, facts?, release? }
 *   generate(rows, count, on)  writes at most `count` tokens after each row of ids, greedily; `on(row, token)` is told of each → ids of each row
 *   nearest(rows, count)       the same for one row after the other, with the likeliest tokens at each place (optional)
 * @module
 */
import { readFileSync } from "node:fs"
import { createInterface } from "node:readline"

const commands = (adapter) => {
  let model
  return {
    hello: () => ({ version: adapter.version, runtime: `node ${process.versions.node}` }),
    async load(options) {
      const started = performance.now()
      model = await adapter.load(options)
      return { seconds: (performance.now() - started) / 1000, ...model.facts }
    },
    /** Times the rows of a file: until every row has its first token, and until all tokens are written. */
    async round({ file, name, count }) {
      const rows = JSON.parse(readFileSync(file, "utf8"))[name]
      const waiting = new Set(rows.keys())
      let first
      const started = performance.now()
      const written = await model.generate(rows, count, (row) => {
        waiting.delete(row)
        if (waiting.size === 0) first ??= performance.now()
      })
      const ended = performance.now()
      return {
        firstSeconds: ((first ?? ended) - started) / 1000,
        restSeconds: (ended - (first ?? ended)) / 1000,
        promptTokens: rows.reduce((sum, { length }) => sum + length, 0),
        written: written.map((ids) => ids.length),
      }
    },
    async nearest({ rows, count }) {
      return { answers: await model.nearest(rows, count) }
    },
    collect() {
      globalThis.gc?.()
      return {}
    },
    async quit() {
      await model?.release?.()
    },
  }
}

/** Reads commands until `quit` or the end of input. */
export async function serve(adapter) {
  const known = commands(adapter)
  for await (const line of createInterface({ input: process.stdin })) {
    const { op, ...command } = JSON.parse(line)
    let answer
    try {
      answer = { ok: true, ...(await known[op](command)) }
    } catch (error) {
      answer = { ok: false, error: error instanceof Error ? error.message : String(error) }
    }
    if (op === "quit") break
    process.stdout.write(`${JSON.stringify(answer)}\n`)
  }
  process.exit(0)
}
