/**
 * The engine's side of the protocol: one JSON command a line on standard input, one JSON answer a line on standard output.
 * An adapter gives:
 *   version                              its version
 *   slice                                how many queries one call takes: Infinity (a batch) or 1
 *   build(documents, analyzer)           → an index over [{ id, text }]; analyzer is "english" or "whitespace"
 *   search(index, queries, k)            → its own answer for a slice of [{ id, text }]
 *   ids(index, answer)                   → string[][], for judging only
 *   tokenise(text, analyzer)             → terms, where analysis can be called apart (optional)
 *   facts(index)                         → { postings, bytes } (optional)
 * @module
 */
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs"
import { createInterface } from "node:readline"

/** Lines of id, tab, text as flat strings: a slice of a large string would keep the whole of it alive. */
export function readRecords(file) {
  const records = []
  const descriptor = openSync(file, "r")
  let buffer = Buffer.allocUnsafe(1 << 22)
  let filled = 0
  for (;;) {
    const count = readSync(descriptor, buffer, filled, buffer.length - filled, null)
    if (count === 0) break
    filled += count
    let start = 0
    for (let end; (end = buffer.indexOf(10, start)) !== -1 && end < filled; start = end + 1) {
      const tab = buffer.indexOf(9, start)
      records.push({ id: buffer.toString("utf8", start, tab), text: buffer.toString("utf8", tab + 1, end) })
    }
    buffer.copyWithin(0, start, filled)
    filled -= start
    if (filled === buffer.length) buffer = Buffer.concat([buffer, Buffer.allocUnsafe(buffer.length)])
  }
  closeSync(descriptor)
  return records
}

const seconds = (since) => (performance.now() - since) / 1000

class Server {
  documents = []
  built
  queries = []
  position = 0

  constructor(adapter) {
    this.adapter = adapter
  }

  hello() {
    return { version: this.adapter.version, runtime: `node ${process.versions.node}` }
  }

  async load({ corpus, queries, analyzer }) {
    this.analyzer = analyzer
    this.documents = readRecords(corpus)
    this.queries = readRecords(queries)
    // Every engine builds a small index that is thrown away: compilers and lazy initialisation are not what is measured.
    await this.adapter.build(this.documents.slice(0, 200), analyzer)
    return { documents: this.documents.length, queries: this.queries.length }
  }

  async index() {
    this.built = undefined
    globalThis.gc?.()
    const start = performance.now()
    this.built = await this.adapter.build(this.documents, this.analyzer)
    return { totalSeconds: seconds(start) }
  }

  tokenise() {
    const { adapter, analyzer } = this
    if (!adapter.tokenise) return {}
    const start = performance.now()
    let tokens = 0
    for (const { text } of this.documents) tokens += adapter.tokenise(text, analyzer).length
    return { seconds: seconds(start), tokens }
  }

  async release() {
    this.documents = []
    globalThis.gc?.()
    return (await this.adapter.facts?.(this.built)) ?? {}
  }

  async rank({ k, first, out }) {
    const { adapter } = this
    const queries = this.queries.slice(0, first)
    const step = Math.min(adapter.slice, queries.length)
    const lines = []
    for (let start = 0; start < queries.length; start += step) {
      const slice = queries.slice(start, start + step)
      const lists = adapter.ids(this.built, await adapter.search(this.built, slice, k))
      lists.forEach((ids, i) => {
        lines.push([slice[i].id, ...ids].join("\t"))
      })
    }
    writeFileSync(out, `${lines.join("\n")}\n`)
    return {}
  }

  /** Whole passes until `atLeast` seconds are over; a slow engine stops at `atMost` and goes on there in the next round. */
  async round({ k, atLeast, atMost, scoringOnly }) {
    const { adapter, queries } = this
    if (scoringOnly) return {}
    const step = Math.min(adapter.slice, queries.length)
    const start = performance.now()
    let count = 0
    let elapsed = 0
    do {
      const slice = step === queries.length ? queries : queries.slice(this.position, this.position + step)
      await adapter.search(this.built, slice, k)
      count += slice.length
      this.position = (this.position + slice.length) % queries.length
      elapsed = seconds(start)
    } while (elapsed < atMost && (elapsed < atLeast || this.position !== 0))
    return { queries: count, seconds: elapsed }
  }

  /** Milliseconds of each query asked alone: the median of up to `passes` passes. */
  async latency({ k, passes, atMost }) {
    const { adapter, queries } = this
    const times = queries.map(() => [])
    const begin = performance.now()
    for (let pass = 0; pass < passes && seconds(begin) < atMost; pass++)
      for (let i = 0; i < queries.length && seconds(begin) < atMost; i++) {
        const one = [queries[i]]
        const start = performance.now()
        await adapter.search(this.built, one, k)
        times[i].push(performance.now() - start)
      }
    const measured = times.filter((list) => list.length > 0)
    return { milliseconds: measured.map((list) => list.sort((left, right) => left - right)[list.length >> 1]) }
  }
}

/** Answers commands until `quit`. Anything that a library prints goes to standard error. */
export async function serve(adapter) {
  console.log = console.error
  const server = new Server(adapter)
  const answer = (object) => process.stdout.write(`${JSON.stringify(object)}\n`)
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line)
    if (command.op === "quit") break
    try {
      answer({ ok: true, ...(await server[command.op](command)) })
    } catch (error) {
      answer({ ok: false, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  }
  process.exit(0)
}

/** The version of an installed peer, read from its package.json. */
export function peerVersion(name) {
  return JSON.parse(readFileSync(new URL(`../peers/node_modules/${name}/package.json`, import.meta.url), "utf8"))
    .version
}
