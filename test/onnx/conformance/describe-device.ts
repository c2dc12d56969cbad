/** What every device must compute: the operators that builders emit, and the gradients of all that have rules. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { GraphBuilder } from "../../../src/onnx/graph.js"
import { modelOf } from "../../../src/onnx/ir.js"
import { WorkerPool } from "../../../src/onnx/pool.js"
import { encodeModel } from "../../../src/onnx/protobuf.js"
import { createSession } from "../../../src/onnx/session.js"
import type { Device } from "../../../src/onnx/settings.js"
import type { Tensor } from "../../../src/onnx/tensor.js"
import { cases } from "../gradients/cases.js"
import { prepare } from "../gradients/check.js"
import { feedOf } from "../gradients/feeds.js"
import { fusedCases } from "../gradients/fused-cases.js"
import { cachedCases } from "./attention.js"
import { keepDevice } from "./devices.js"
import { productCases } from "./products.js"

/**
 * Of the largest number of a tensor. The weights of the losses are sines, which WebGPU promises to 2^-11 (WGSL, accuracy of built-in
 * functions); CUDA multiplies with 10 bits of mantissa (TF32).
 */
const TOLERANCE: Readonly<Record<Device, number>> = { cpu: 5e-5, webgpu: 1e-3, cuda: 3e-3 }

/**
 * Faults of ONNX Runtime. Nothing here writes these forms, but for the cap of scores (Gemma 2): a model that has one is told by the check
 * of devices when it is loaded. The test says when a fault is gone.
 */
const faults: Readonly<Partial<Record<Device, Readonly<Record<string, string>>>>> = {
  webgpu: {
    "Pow 1": "an exponent that is broadcast along the last axis is refused",
    "ReduceL1 4": "no axes with noop_with_empty_axes gives the number itself, not its size",
    "ReduceL2 4": "the same",
    "ReduceSumSquare 4": "the same",
    "ReduceLogSum 4": "the same",
    "a cap of scores": "the cap is left out",
    "a cap of scores, by a token": "the same",
  },
}

const all = [
  ...Object.entries(cases).map(
    ([op, list]) => [op, list.map((each, index) => [`${op} ${index + 1}`, each] as const)] as const,
  ),
  ...Object.entries(fusedCases).map(([name, each]) => [name, [[name, each] as const]] as const),
].filter(([, list]) => list.length > 0)

export function describeDevice(device: Device, missing: string | undefined): void {
  describe.skipIf(missing !== undefined)(`operators on ${device}${missing ? ` (${missing})` : ""}`, () => {
    const pool = new WorkerPool()
    beforeAll(() => keepDevice(device, pool))
    afterAll(() => pool[Symbol.asyncDispose]())
    const known = faults[device] ?? {}

    const runOf = async (graph: GraphBuilder["graph"], feeds: Readonly<Record<string, Tensor>>) => {
      await using session = await createSession(encodeModel(modelOf(graph)), { pool, device, threads: 1 })
      expect(session.device).toBe(device)
      return await session.run(feeds)
    }

    /** The largest deviation from float64 of loss and gradients, relative to each tensor's largest. */
    const deviation = async (given: Parameters<typeof prepare>[0]): Promise<number> => {
      const { graph, feeds, results } = prepare(given, 2)
      const inputs = graph.inputs.map(({ name, type }) => [name, feedOf(feeds.get(name)!, type!)])
      const outputs = await runOf(graph, Object.fromEntries(inputs))
      const off = [...results].flatMap(([name, { dims, data }]) => {
        const found = outputs[name]!
        expect([...found.dims], name).toEqual(dims)
        const scale = Math.max(1, ...data.map(Math.abs))
        return [...data].map((value, index) => Math.abs(Number(found.data[index]) - value) / scale)
      })
      return off.some(Number.isNaN) ? Number.POSITIVE_INFINITY : Math.max(...off)
    }

    it.each(all)("%s, and its gradients, as in float64", async (_op, list) => {
      for (const [name, given] of list) {
        if (known[name] === undefined) {
          expect(await deviation(given), name).toBeLessThan(TOLERANCE[device])
          continue
        }
        const off = await deviation(given).catch(() => Number.POSITIVE_INFINITY)
        expect(off, `${name}: the fault is gone (${known[name]}); take it off the list`).toBeGreaterThan(
          TOLERANCE[device],
        )
      }
    })

    it.each(Object.entries(productCases))("%s, as in float64", async (_name, { feeds, write, expected, tolerance }) => {
      const graph = new GraphBuilder("product")
      write(graph)
      const { y } = await runOf(graph.graph, feeds)
      const scale = Math.max(...expected.map(Math.abs))
      expect(y!.data.length).toBe(expected.length)
      const off = expected.map((value, at) => Math.abs(value - Number(y!.data[at])) / scale)
      expect(
        Math.max(...off.map((each) => (Number.isNaN(each) ? Number.POSITIVE_INFINITY : each))),
      ).toBeLessThanOrEqual(tolerance)
    })

    it.each(Object.entries(cachedCases))("GroupQueryAttention with a cache: %s", async (name, given) => {
      const graph = new GraphBuilder("cached")
      given.write(graph)
      const { y } = await runOf(graph.graph, given.feeds)
      const [, length, width] = y!.dims as [number, number, number]
      const off = given.expected.flatMap((tokens, row) =>
        tokens.flatMap((numbers, token) => {
          const at = (row * length + token) * width
          return numbers.map((value, index) => Math.abs(value - Number(y!.data[at + index])))
        }),
      )
      const largest = off.some(Number.isNaN) ? Number.POSITIVE_INFINITY : Math.max(...off)
      if (known[name] === undefined) expect(largest).toBeLessThan(TOLERANCE[device])
      else
        expect(largest, `the fault is gone (${known[name]}); take it off the list`).toBeGreaterThan(TOLERANCE[device])
    })
  })
}
