import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { parseDecoderConfig } from "../../../src/models/decoder/config.js"
import { loadDecoder } from "../../../src/models/decoder/load.js"
import { buildPrimitiveDecoder } from "../../../src/models/decoder/primitive.js"
import { loraInputs, loraSlot } from "../../../src/models/encoder/adapter-slot.js"
import { WorkerPool } from "../../../src/onnx/pool.js"
import { createSession } from "../../../src/onnx/session.js"
import { tensor } from "../../../src/onnx/tensor.js"
import { twice } from "../../onnx/helpers.js"
import { families, largestDifference, lora, missing, openFolder, reference, tiny } from "./reference.js"

/** What torch itself loses in float32 on these models: up to 6.4e-5. */
const TOLERANCE = 1e-4

describe.skipIf(missing).each(families)("%s with a cache", (family) => {
  const folder = join(tiny, family)

  it("gives torch's logits, of all tokens at once or of those asked for", async () => {
    const { rows, logits, vocabulary } = await reference(folder)
    await using model = await loadDecoder(folder, { device: "cpu" })
    const all = await model.read(rows, { logits: "all" })
    expect(largestDifference(all.logits, logits)).toBeLessThan(TOLERANCE)
    const at = (row: number, place: number) => logits[row]!.subarray(place * vocabulary, (place + 1) * vocabulary)
    const last = await model.read(rows)
    expect(
      largestDifference(
        last.logits,
        rows.map(({ length }, row) => at(row, length - 1)),
      ),
    ).toBeLessThan(TOLERANCE)
    const some = await model.read(rows, { logits: [[2, 9], [], [0]] })
    expect(some.logits.map(({ length }) => length)).toEqual([2 * vocabulary, 0, vocabulary])
    const places = [some.logits[0]!.slice(vocabulary), some.logits[2]!]
    expect(largestDifference(places, [at(0, 9), at(2, 0)])).toBeLessThan(TOLERANCE)
  })

  it("goes on token by token, by several tokens, and after a step back, as if all was read at once", async () => {
    const { rows, logits, vocabulary } = await reference(folder)
    await using model = await loadDecoder(folder, { device: "cpu" })
    await using cache = await model.createCache(rows.length, 4)
    const expected = (from: readonly number[], to: readonly number[]) =>
      logits.map((row, index) => row.subarray(from[index]! * vocabulary, to[index]! * vocabulary))
    const readTo = async (ends: readonly number[]) => {
      const from = cache.lengths
      const parts = rows.map((row, index) => row.slice(from[index], ends[index]))
      const read = await model.read(parts, { cache, logits: "all" })
      expect(cache.lengths).toEqual(ends)
      expect(largestDifference(read.logits, expected(from, ends)), `to ${ends}`).toBeLessThan(TOLERANCE)
    }
    await readTo([2, 7, 5])
    for (let step = 1; step <= 4; step++) await readTo([2 + step, 7 + step, 5 + step])
    await readTo([11, 13, 18])
    expect(() => cache.rewind([12, 13, 18])).toThrow(/cannot go back/)
    cache.rewind([1, 11, 0])
    await readTo([2, 12, 1])
    await readTo(rows.map(({ length }) => length))
  })

  it("reads any number of rows after one prefix, and leaves the prefix as it was", async () => {
    const { rows, logits, vocabulary } = await reference(folder)
    await using model = await loadDecoder(folder, { device: "cpu" })
    const [row, truth] = [rows[2]!, logits[2]!]
    await using prefix = await model.createCache(1)
    await model.read([row.slice(0, 10)], { cache: prefix, logits: "none" })
    const suffixes = [row.slice(10), [9, 9, 9], row.slice(10, 12), [7], row.slice(10)]
    const first = await model.read(suffixes, { cache: prefix, keep: false, logits: "all" })
    expect(prefix.lengths).toEqual([10])
    const rest = truth.subarray(10 * vocabulary)
    expect(largestDifference([first.logits[0]!, first.logits[4]!], [rest, rest])).toBeLessThan(TOLERANCE)
    expect(largestDifference([first.logits[2]!], [rest.subarray(0, 2 * vocabulary)])).toBeLessThan(TOLERANCE)
    const whole = await model.read([[...row.slice(0, 10), 7]])
    expect(largestDifference([first.logits[3]!], whole.logits)).toBeLessThan(TOLERANCE)

    // Copies of the prefix go different ways.
    await using copies = await model.selectRows(prefix, [0, 0, 0])
    await model.read([row.slice(10, 14), [5, 6], row.slice(10, 13)], { cache: copies, logits: "none" })
    await using chosen = await model.selectRows(copies, [2, 0])
    expect(chosen.lengths).toEqual([13, 14])
    const next = await model.read([[row[13]!], [row[14]!]], { cache: chosen })
    const places = [13, 14].map((place) => truth.subarray(place * vocabulary, (place + 1) * vocabulary))
    expect(largestDifference(next.logits, places)).toBeLessThan(TOLERANCE)
    expect(prefix.lengths).toEqual([10])
  })

  it("gives a row the same numbers alone and beside others, within 1e-5", async () => {
    const { rows } = await reference(folder)
    await using model = await loadDecoder(folder, { device: "cpu" })
    const all = rows.flatMap((row, index) => [row, row.slice(0, 13 + index), row.slice(3, 16)])
    const together = await model.read(all, { logits: "all" })
    const alone = await Promise.all(all.map(async (row) => (await model.read([row], { logits: "all" })).logits[0]!))
    expect(largestDifference(together.logits, alone)).toBeLessThan(1e-5)
    // The comparison must be able to fail: rows differ among themselves by far more.
    expect(largestDifference([together.logits[0]!.slice(0, 300)], [alone[2]!.slice(0, 300)])).toBeGreaterThan(0.1)
  })

  it("serves the model and adapters from one session", async () => {
    const { rows, logits, adapterLogits } = await reference(folder)
    await using model = await loadDecoder(folder, { device: "cpu", adapters: true })
    await using adapter = await model.loadAdapter(await lora(folder))
    const adapted = await model.read(rows, { logits: "all", adapter })
    expect(largestDifference(adapted.logits, adapterLogits)).toBeLessThan(TOLERANCE)
    const base = await model.read(rows, { logits: "all" })
    expect(largestDifference(base.logits, logits)).toBeLessThan(TOLERANCE)
    expect(largestDifference(adapterLogits, logits)).toBeGreaterThan(0.1)
  })
})

describe.skipIf(missing).each(families)("%s of primitive operators", (family) => {
  const folder = join(tiny, family)

  it("gives torch's logits, with and without an adapter, and attention that sums to one", async () => {
    const { config: raw, checkpoint } = await openFolder(folder)
    const config = parseDecoderConfig(raw)
    const { ids, mask, dims, rows, logits, adapterLogits, vocabulary } = await reference(folder)
    const outputs = { logits: true, hidden: true, attentions: true }
    const built = await buildPrimitiveDecoder(config, checkpoint, outputs, { adapters: loraSlot() })
    await using session = await createSession(built.model, { device: "cpu", externalData: built.folder })
    const adapter = await lora(folder)
    // Every linear layer has a slot; the head's is left alone by this adapter.
    const head = loraInputs("lm_head")
    const slots = session.inputs.filter(({ name }) => name.includes("lora_")).map(({ name }) => name)
    expect(slots.filter((name) => !Object.hasOwn(adapter, name)).sort()).toEqual(Object.values(head).sort())
    const off = Object.fromEntries(
      Object.values(loraInputs("lm_head")).map((name) => [
        name,
        name === head.scale
          ? tensor("float32", new Float32Array(1), [])
          : tensor(
              "float32",
              new Float32Array(name === head.a ? config.width : vocabulary),
              name === head.a ? [1, config.width] : [vocabulary, 1],
            ),
      ]),
    )
    const feeds = {
      input_ids: tensor("int32", ids, dims),
      attention_mask: tensor("int32", mask, dims),
      ...adapter,
      ...off,
    }
    const length = dims[1]!
    const real = (values: Float32Array) =>
      rows.map((row, index) => values.subarray(index * length * vocabulary, (index * length + row.length) * vocabulary))
    const adapted = await session.run(feeds)
    expect(largestDifference(real(adapted.logits!.data as Float32Array), adapterLogits)).toBeLessThan(TOLERANCE)
    expect(adapted.hidden!.dims).toEqual([...dims, config.width])
    const scale = tensor("float32", new Float32Array(1), [])
    const without = Object.fromEntries(slots.filter((name) => name.endsWith("scale")).map((name) => [name, scale]))
    const base = await session.run({ ...feeds, ...without })
    expect(largestDifference(real(base.logits!.data as Float32Array), logits)).toBeLessThan(TOLERANCE)
    for (let layer = 0; layer < config.layers; layer++) {
      const { data, dims: shape } = base[`attentions.${layer}`]!
      expect(shape).toEqual([dims[0], config.heads, length, length])
      const window = config.windows[layer]! || length
      const place = rows[0]!.length - 1
      const seen = (data as Float32Array).subarray(place * length, (place + 1) * length)
      expect(seen.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5)
      expect(seen.subarray(0, Math.max(0, place - window + 1)).every((value) => value === 0)).toBe(true)
      expect(seen.subarray(place + 1).every((value) => value === 0)).toBe(true)
      expect(seen[Math.max(0, place - window + 1)]).toBeGreaterThan(0)
    }
  })
})

describe.skipIf(missing)("a decoder's session", () => {
  const folder = join(tiny, "llama")

  it("refuses what it cannot read", async () => {
    await using model = await loadDecoder(folder, { device: "cpu", contextLength: 32 })
    await using other = await loadDecoder(folder, { device: "cpu" })
    await using cache = await model.createCache(2)
    await using foreign = await other.createCache(2)
    const refused: [() => Promise<unknown>, RegExp][] = [
      [() => model.read([]), /no rows/],
      [() => model.read([[5], []]), /row 1 has no tokens/],
      [() => model.read([[5], [5, 384]]), /row 1 has token id 384 outside the vocabulary of 384/],
      [() => model.read([[5, -1]]), /outside the vocabulary/],
      [() => model.read([new Array(33).fill(5)]), /would have 33 tokens; this model is loaded for 32/],
      [() => model.read([[5]], { cache }), /1 rows cannot go on from a cache of 2/],
      [() => model.read([[5], [6]], { cache: foreign }), /another model/],
      [() => model.read([[5, 6]], { logits: [[2]] }), /none at place 2/],
      [() => model.read([[5, 6]], { logits: [[1, 0]] }), /ascending/],
      [() => model.selectRows(cache, [2]), /no row 2/],
      [() => model.loadAdapter({}), /without slots/],
      [() => model.createCache(0), /at least 1/],
      [() => loadDecoder(folder, { device: "cpu", contextLength: 0 }), /at least 1/],
    ]
    for (const [call, message] of refused) {
      const failure = await call().then(
        () => undefined,
        (thrown: Error) => thrown,
      )
      expect(failure).toMatchObject({ code: "argument" })
      expect(failure?.message).toMatch(message)
    }
    const [first, second] = [model.read([[5], [6]], { cache }), model.read([[5], [6]], { cache })]
    await expect(second).rejects.toMatchObject({ code: "argument", message: expect.stringContaining("in use") })
    await first
    await cache[Symbol.asyncDispose]()
    await expect(model.read([[5], [6]], { cache })).rejects.toMatchObject({ code: "argument" })
  })

  it("goes on after its worker was lost; only caches are gone with it", async () => {
    const runtime = fileURLToPath(new URL("../../onnx/crashing-runtime.cjs", import.meta.url))
    await using pool = new WorkerPool({ runtime })
    await using deadly = await createSession(twice(), { device: "cpu", pool })
    await using model = await loadDecoder(folder, { device: "cpu", pool, adapters: true })
    await using adapter = await model.loadAdapter(await lora(folder))
    await using cache = await model.createCache(1)
    const rows = [[5, 6, 7]]
    const before = [await model.read(rows, { cache }), await model.read(rows, { adapter })]
    await expect(deadly.run({ x: tensor("float32", Float32Array.of(666)) })).rejects.toMatchObject({ code: "model" })
    await expect(model.read([[8]], { cache })).rejects.toMatchObject({
      code: "model",
      message: expect.stringContaining("make them again"),
    })
    await using fresh = await model.createCache(1)
    expect([await model.read(rows, { cache: fresh }), await model.read(rows, { adapter })]).toEqual(before)
  })

  it("says what a cache takes, and stops when it is told to", async () => {
    await using model = await loadDecoder(folder, { device: "cpu" })
    // Two layers, keys and values, two heads of 16 floats.
    expect(model.cacheBytesPerToken).toBe(2 * 2 * 2 * 16 * 4)
    await using cache = await model.createCache(3, 128)
    expect(cache.bytes).toBe(0)
    await model.read([[5], [6], [7]], { cache, logits: "none" })
    expect(cache.bytes).toBe(3 * 128 * model.cacheBytesPerToken)
    const controller = new AbortController()
    controller.abort()
    await expect(model.read([[5], [6], [7]], { cache, signal: controller.signal })).rejects.toMatchObject({
      code: "aborted",
    })
    expect(cache.lengths).toEqual([1, 1, 1])
  })
})
