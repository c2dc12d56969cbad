/**
 * The engine's side of the neural protocol: one JSON command a line on standard input, one JSON answer a line on standard output.
 * An adapter gives:
 *   version                  its version
 *   load(options)            { task: "embed" | "score", folder, onnxFolder, threads, maxLength, ... } → whatever run needs
 *   run(model, set)          a set is { texts } or { groups: [{ query, documents }] } → { values, tokens? }
 *   release(model)           gives memory back (optional)
 * `values` are vectors (arrays of numbers), or one score for each pair in the order of the groups.
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs"
import { createInterface } from "node:readline"

/** The first texts, or groups of pairs cut to their first documents: what warms up is like what is measured. */
function beginning(set, count) {
  if (set.texts) return { texts: set.texts.slice(0, count) }
  return {
    groups: set.groups.slice(0, 1).map(({ query, documents }) => ({ query, documents: documents.slice(0, count) })),
  }
}

class Server {
  sets = new Map()
  model

  constructor(adapter) {
    this.adapter = adapter
  }

  hello() {
    return { version: this.adapter.version, runtime: `node ${process.versions.node}` }
  }

  async load(options) {
    this.model = await this.adapter.load(options)
    return this.model.facts ?? {}
  }

  set({ name, file }) {
    this.sets.set(name, JSON.parse(readFileSync(file, "utf8")))
  }

  async warm({ name, count }) {
    await this.adapter.run(this.model, beginning(this.sets.get(name), count))
  }

  async round({ name }) {
    const set = this.sets.get(name)
    const started = performance.now()
    const { tokens } = await this.adapter.run(this.model, set)
    return { seconds: (performance.now() - started) / 1000, tokens }
  }

  async output({ name, out }) {
    const { values } = await this.adapter.run(this.model, this.sets.get(name))
    const rows = typeof values[0] === "number" ? [values] : values
    const flat = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0))
    let at = 0
    for (const row of rows) {
      flat.set(row, at)
      at += row.length
    }
    writeFileSync(out, flat)
    return { rows: values.length, numbers: flat.length }
  }

  async quit() {
    await this.adapter.release?.(this.model)
  }
}

/** Reads commands until `quit` or the end of input. */
export async function serve(adapter) {
  const server = new Server(adapter)
  for await (const line of createInterface({ input: process.stdin })) {
    const { op, ...command } = JSON.parse(line)
    let answer
    try {
      answer = { ok: true, ...(await server[op](command)) }
    } catch (error) {
      answer = { ok: false, error: error instanceof Error ? error.message : String(error) }
    }
    if (op === "quit") break
    process.stdout.write(`${JSON.stringify(answer)}\n`)
  }
  process.exit(0)
}
