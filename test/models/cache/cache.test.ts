import { mkdtemp, rm, stat, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setImmediate as turn } from "node:timers/promises"
import fc from "fast-check"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { RankineError } from "../../../src/core/errors.js"
import type { ProgressEvent } from "../../../src/core/progress.js"
import {
  cacheEmbeddings,
  cacheScores,
  cacheSparse,
  defaultCacheDir,
  type ModelCache,
  openCache,
} from "../../../src/models/cache/index.js"
import { namespaceOf, textHash } from "../../../src/models/cache/record.js"
import { GENERATIONS } from "../../../src/models/cache/store.js"
import { bitsOf, fakeModel, fakeScorer, fakeSparse } from "./fakes.js"

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

const anyText = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.string({ unit: "binary", maxLength: 4 }),
  fc.constantFrom("", "\ud800", "\udfff", "\ufffd", "a\ud800", "a\ufffd", "same", "same "),
)

describe.skipIf(!installed("lmdb"))("a cache of what models answered", () => {
  let parent: string
  let folder: string
  let cache: ModelCache
  let made = 0
  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), "rankine-cache-"))
  })
  afterAll(() => rm(parent, { recursive: true }))
  beforeEach(async () => {
    folder = join(parent, `${made++}`)
    cache = await openCache(folder)
  })
  afterEach(() => cache[Symbol.asyncDispose]())

  it("gives what the model gives, bit for bit, and asks it for each text once", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            texts: fc.array(anyText, { maxLength: 12 }),
            side: fc.constantFrom("query" as const, "document" as const),
            model: fc.nat(2),
          }),
          { minLength: 1, maxLength: 6 },
        ),
        fc.boolean(),
        async (calls, together) => {
          await cache.clear()
          const settings = [{}, { precision: "int8" }, { prompts: { query: "q: ", document: "" } }]
          const models = settings.map((setting) => fakeModel(setting))
          const cached = models.map((model) => cacheEmbeddings(model, cache))
          const ask = async ({ texts, side, model }: (typeof calls)[number]) => {
            const plain = await fakeModel(settings[model]).embed(texts, side)
            const { cached: saved = 0, ...answer } = await cached[model].embed(texts, side)
            expect(bitsOf(answer.vectors)).toEqual(bitsOf(plain.vectors))
            expect({ ...answer, vectors: 0 }).toEqual({ ...plain, vectors: 0 })
            return plain.tokens - saved
          }
          let read = 0
          if (together) for (const tokens of await Promise.all(calls.map(ask))) read += tokens
          else for (const call of calls) read += await ask(call)
          // Every text once, and the tokens that were not saved are those of the texts that were computed.
          let tokens = 0
          for (const [index, { computed }] of models.entries()) {
            expect(new Set(computed).size).toBe(computed.length)
            const asked = calls.filter(({ model }) => model === index)
            const wanted = new Set(asked.flatMap(({ texts, side }) => texts.map((text) => `${side}: ${text}`)))
            expect(new Set(computed)).toEqual(wanted)
            for (const name of computed) tokens += 2 + (name.slice(name.indexOf(": ") + 2).length % 7)
          }
          expect(read).toBe(tokens)
        },
      ),
      { numRuns: 60 },
    )
    expect(cache.stats.failures).toBe(0)
  })

  it("never answers for another precision, prompt, side or model", async () => {
    const settings = [
      {},
      { precision: "int8" },
      { prompts: { query: "query: ", document: "" } },
      { prompts: { query: "", document: "query: " } },
      { dimension: 4 },
    ]
    for (const setting of settings)
      for (const side of ["query", "document"] as const) {
        const model = fakeModel(setting)
        const wanted = bitsOf(await fakeModel(setting).encode(["text"], side))
        for (const hit of [false, true]) {
          const { vectors, cached } = await cacheEmbeddings(model, cache).embed(["text"], side)
          expect(bitsOf(vectors)).toEqual(wanted)
          expect(cached).toBe(hit ? 6 : 0)
        }
        expect(model.computed).toEqual([`${side}: text`])
      }
    expect(cache.stats).toMatchObject({ hits: 10, misses: 10, stored: 10, failures: 0 })
    expect(cache.size().records).toBe(10)
  })

  it("is there again after it was closed, until it is cleared", async () => {
    await cacheEmbeddings(fakeModel(), cache).embed(["a", "b"], "document")
    // A second handle on the same folder keeps the file open.
    const second = await openCache(folder)
    await cache[Symbol.asyncDispose]()
    expect(second.size().records).toBe(2)
    await second[Symbol.asyncDispose]()
    cache = await openCache(folder)
    const model = fakeModel()
    const { cached, tokens } = await cacheEmbeddings(model, cache).embed(["b", "a", "c"], "document")
    expect(model.computed).toEqual(["document: c"])
    expect([cached, tokens]).toEqual([6, 9])
    await cache.clear()
    expect(cache.size().records).toBe(0)
    await cacheEmbeddings(model, cache).embed(["a"], "document")
    expect(model.computed).toEqual(["document: c", "document: a"])
  })

  it("keeps what it knows from callers who change their vectors", async () => {
    const model = cacheEmbeddings(fakeModel(), cache)
    const [wanted] = bitsOf(await fakeModel().encode(["a"], "document"))
    const ruin = (vectors: readonly Float32Array[]) => {
      for (const vector of vectors) {
        expect(bitsOf([vector])).toEqual([wanted])
        vector.fill(9)
      }
    }
    for (let round = 0; round < 3; round++) ruin(await model.encode(["a", "a", "a"], "document"))
    const both = await Promise.all([model.encode(["a"], "document"), model.encode(["a"], "document")])
    for (const vectors of both) ruin(vectors)
  })

  it("computes once what is asked for twice at the same time, though the first to ask leaves or fails", async () => {
    let let1Go!: () => void
    const gate = new Promise<void>((resolve) => {
      let1Go = resolve
    })
    let fail = true
    const model = fakeModel({
      before: async (texts) => {
        await gate
        if (fail && texts.includes("bad")) throw new RankineError("model", "no")
      },
    })
    const cached = cacheEmbeddings(model, cache)
    const stop = new AbortController()
    const leaves = cached.embed(["a", "b"], "query", { signal: stop.signal })
    const stays = cached.embed(["b", "c"], "query")
    const fails = cached.embed(["bad", "d"], "query")
    const waitsForBad = cached.embed(["d", "e"], "query")
    await turn()
    const waits = new AbortController()
    const waiting = cached.embed(["b", "e"], "query", { signal: waits.signal })
    await turn()
    waits.abort()
    await expect(waiting).rejects.toMatchObject({ code: "aborted" })
    stop.abort()
    let1Go()
    await expect(leaves).rejects.toMatchObject({ code: "aborted" })
    await expect(fails).rejects.toMatchObject({ code: "model" })
    for (const [promise, texts] of [
      [stays, ["b", "c"]],
      [waitsForBad, ["d", "e"]],
    ] as const)
      expect(bitsOf((await promise).vectors)).toEqual(bitsOf(await fakeModel().encode(texts, "query")))
    fail = false
    const before = model.computed.length
    await cached.embed(["a", "b", "c", "d", "e", "bad"], "query")
    // What was lost with the callers who left is computed now, and nothing else.
    expect(model.computed.slice(before)).toEqual(["query: a", "query: bad"])
  })

  it("reports progress of the whole call, and refuses what is no text", async () => {
    const events: ProgressEvent[] = []
    const model = cacheEmbeddings(fakeModel(), cache)
    await model.embed(["a"], "query")
    await model.embed(["a", "b", "c"], "query", { onProgress: (event) => events.push(event) })
    expect(events.at(-1)).toEqual({ stage: "embed", done: 3, total: 3, unit: "texts" })
    await expect(model.embed(["a", 5 as unknown as string], "query")).rejects.toMatchObject({ code: "argument" })
    await expect(model.embed(["a"], "query", { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "aborted",
    })
    expect(await model.embed([], "query")).toEqual({ vectors: [], tokens: 0, lengths: [], truncated: [], cached: 0 })
  })

  it("keeps large calls chunk by chunk, so that what fails late is not lost", async () => {
    const texts = Array.from({ length: 5000 }, (_, index) => `text ${index}`)
    let calls = 0
    const model = fakeModel({
      before: () => {
        if (++calls === 3) throw new RankineError("model", "no")
      },
    })
    await expect(cacheEmbeddings(model, cache).embed(texts, "document")).rejects.toMatchObject({ code: "model" })
    expect(cache.size().records).toBeGreaterThanOrEqual(2048)
    const again = fakeModel()
    const { vectors } = await cacheEmbeddings(again, cache).embed(texts, "document")
    expect(bitsOf(vectors)).toEqual(bitsOf(await fakeModel().encode(texts, "document")))
    expect(again.computed.length).toBeLessThanOrEqual(5000 - 2048)
  })

  it("has the model answer where a record is damaged, is another's, or has another form", async () => {
    const model = fakeModel()
    const cached = cacheEmbeddings(model, cache)
    await cached.embed(["a", "b", "c", "d", "e"], "document")
    const keyOf = (text: string) => Buffer.concat([namespaceOf("dense", model.fingerprint, "document"), textHash(text)])
    const store = cache.records.store
    const good = Buffer.from(store.get(keyOf("a"))!.bytes)
    const flipped = Buffer.from(good)
    flipped[20] ^= 1
    const ruined = [
      { key: keyOf("a"), bytes: flipped },
      { key: keyOf("b"), bytes: good },
      { key: keyOf("c"), bytes: good.subarray(0, 20) },
      { key: keyOf("d"), bytes: Buffer.alloc(3) },
    ]
    await store.put(ruined, (thrown) => {
      throw thrown
    })
    model.computed.length = 0
    const texts = ["a", "b", "c", "d", "e"]
    expect(bitsOf(await cached.encode(texts, "document"))).toEqual(bitsOf(await fakeModel().encode(texts, "document")))
    expect(model.computed).toEqual(["document: a", "document: b", "document: c", "document: d"])
    expect(cache.stats.failures).toBe(4)
    expect(cache.stats.lastFailure).toContain("damaged")
    // They were written anew.
    model.computed.length = 0
    await cached.encode(texts, "document")
    expect(model.computed).toEqual([])
  })

  it("answers without the cache where writing fails, or it was closed", async () => {
    const model = fakeModel()
    const cached = cacheEmbeddings(model, cache)
    // Longer than a key of LMDB may be: the database refuses the write.
    let failed = 0
    await cache.records.store.put([{ key: Buffer.alloc(5000), bytes: Buffer.alloc(20) }], (_, count) => {
      failed += count
    })
    expect(failed).toBe(1)
    await cached.encode(["a"], "query")
    await cache[Symbol.asyncDispose]()
    expect(bitsOf(await cached.encode(["a"], "query"))).toEqual(bitsOf(await fakeModel().encode(["a"], "query")))
    expect(model.computed).toEqual(["query: a", "query: a"])
    expect(cache.size()).toEqual({ bytes: 0, records: 0 })
  })

  it("stays within its size, and forgets last what is asked for", async () => {
    await cache[Symbol.asyncDispose]()
    const maxBytes = 2 ** 20
    cache = await openCache(folder, { maxBytes })
    const model = fakeModel({ dimension: 256 })
    const cached = cacheEmbeddings(model, cache)
    let largest = 0
    for (let round = 0; round < 60; round++) {
      const texts = Array.from({ length: 100 }, (_, index) => `${round} ${index}`)
      await cached.embed(["asked for all the time", ...texts], "document")
      largest = Math.max(largest, cache.size().bytes)
    }
    // 6 MB were written.
    expect(largest).toBeGreaterThan(maxBytes / 2)
    expect(largest).toBeLessThan(maxBytes * 1.5)
    expect((await stat(join(folder, "data.mdb"))).size).toBeLessThan(3 * maxBytes)
    expect(model.computed.filter((name) => name.includes("asked")).length).toBe(1)
    model.computed.length = 0
    await cached.embed(["59 99", "0 0"], "document")
    expect(model.computed).toEqual(["document: 0 0"])
    expect(cache.stats.failures).toBe(0)
    expect(GENERATIONS).toBe(8)
  })

  it("keeps scores, and tells pairs apart whose texts run together", async () => {
    const scorer = fakeScorer()
    const cached = cacheScores(scorer, cache)
    const pairs = [
      { query: "ab", document: "c" },
      { query: "a", document: "bc" },
      { query: "", document: "abc" },
      { query: "bc", document: "a" },
      { query: "ab", document: "c" },
    ]
    const plain = await fakeScorer().score(pairs)
    for (let round = 0; round < 2; round++) {
      const { cached: saved, ...answer } = await cached.score(pairs)
      expect(answer).toEqual(plain)
      expect(saved).toBe(round === 0 ? 3 : plain.tokens)
    }
    expect(scorer.computed.length).toBe(4)
    const other = fakeScorer("another setting")
    expect((await cacheScores(other, cache).score(pairs)).scores).toEqual(
      (await fakeScorer("another setting").score(pairs)).scores,
    )
    expect(other.computed.length).toBe(4)
    await expect(cached.score([{ query: "a", document: 1 as unknown as string }])).rejects.toMatchObject({
      code: "argument",
    })
  })

  it("keeps sparse vectors, empty ones too", async () => {
    const encoder = fakeSparse()
    const cached = cacheSparse(encoder, cache)
    const texts = ["", "a", "ab", "abc", "abcdef", "a"]
    const plain = await fakeSparse().embed(texts, "document")
    for (let round = 0; round < 2; round++) {
      const { cached: saved, ...answer } = await cached.embed(texts, "document")
      expect(answer).toEqual(plain)
      expect(saved).toBe(round === 0 ? 1 : 6)
    }
    expect(encoder.computed.length).toBe(5)
    expect(cached.termOf(3)).toBe("term 3")
    await cached[Symbol.asyncDispose]()
    expect(encoder.disposed).toBe(true)
  })

  it("says where it cannot be opened, and takes sizes that make sense", async () => {
    await writeFile(join(parent, "file"), "no folder")
    await expect(openCache(join(parent, "file"))).rejects.toMatchObject({
      code: "storage",
      message: expect.stringContaining("RANKINE_CACHE"),
    })
    const broken = await mkdtemp(join(parent, "broken-"))
    await writeFile(join(broken, "data.mdb"), "no database".repeat(2000))
    await expect(openCache(broken)).rejects.toMatchObject({ code: "storage" })
    await expect(openCache(folder, { maxBytes: 5 })).rejects.toMatchObject({ code: "argument" })
    expect(defaultCacheDir()).toMatch(/cache/)
  })
})
