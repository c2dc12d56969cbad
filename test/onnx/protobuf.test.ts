import { existsSync, readFileSync } from "node:fs"
import { create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf"
import { GraphProtoSchema, ModelProtoSchema, TensorProtoSchema } from "onnx-buf"
import { afterAll, describe, expect, it } from "vitest"
import { GraphBuilder } from "../../src/onnx/graph.js"
import { WorkerPool } from "../../src/onnx/pool.js"
import { encodeModel, readModel } from "../../src/onnx/protobuf.js"
import { createSession } from "../../src/onnx/session.js"
import { type Tensor, tensor } from "../../src/onnx/tensor.js"
import { runtime } from "./helpers.js"

const models = new URL("../../../shared/models/", import.meta.url)
const exported = ["potion-base-4M-int8", "stories260K", "model2vec-fixture-vocab-quantized"].map((name) => ({
  name,
  path: new URL(`${name}/onnx/model.onnx`, models),
}))

describe("ONNX files", () => {
  it("give back the graph that was written", () => {
    const graph = new GraphBuilder("everything")
    const x = graph.input("x", "float32", ["batch", null, 4])
    graph.weight("w", { type: "float32", dims: [4, 4], location: "weights.bin", offset: 13, length: 64 })
    graph.initializer("packed", "uint4", [3], Uint8Array.of(0x21, 3))
    const inner = graph.subgraph("inner")
    inner.output(inner.add(x, 1), "inner.y")
    graph.op(
      "Anything",
      [x, undefined, x, undefined],
      {
        axis: -1,
        alpha: 1,
        ratio: 0.5,
        big: 2n ** 63n - 1n,
        mode: "näher",
        list: [1, 2],
        decimals: [0.5, 1],
        names: ["a", "b"],
        value: { kind: "tensor", value: { name: "", type: "string", dims: [2], data: ["one", "zwei ß"] } },
        body: { kind: "graph", value: inner.graph },
        raw: { kind: "string", value: Uint8Array.of(255, 0) },
        none: { kind: "ints", value: [] },
      },
      { domain: "com.microsoft", outputs: ["u", "v"], results: [{ type: "int8", shape: [2] }] },
    )
    graph.output(graph.matMul(x, { name: "w" }), "y")
    const model = graph.build({ made: "by hand" })
    expect(model.opsets).toEqual({ "": 21, "com.microsoft": 1 })
    const read = readModel(encodeModel(model))
    // Values of which nothing is known are not written.
    for (const [name, { type }] of model.graph.values) if (type === undefined) model.graph.values.delete(name)
    expect(read).toEqual(model)
    expect(read.graph.nodes.find(({ op }) => op === "Anything")!.inputs).toEqual(["x", "", "x"])
  })

  it("may hold weights in typed lists instead of bytes", () => {
    const list = (name: string, dataType: number, fields: object) =>
      create(TensorProtoSchema, { name, dataType, dims: [2n], ...fields })
    const bytes = toBinary(
      ModelProtoSchema,
      create(ModelProtoSchema, {
        irVersion: 8n,
        opsetImport: [{ domain: "ai.onnx", version: 17n }],
        graph: create(GraphProtoSchema, {
          name: "lists",
          initializer: [
            list("floats", 1, { floatData: [1.5, -2] }),
            list("halves", 10, { int32Data: [0x3c00, 0xc000] }),
            list("bytes", 3, { int32Data: [-1, 5] }),
            list("longs", 7, { int64Data: [-1n, 2n] }),
            list("doubles", 11, { doubleData: [0.1, 3] }),
            list("words", 12, { uint64Data: [7n, 4294967295n] }),
          ],
          input: [{ name: "floats" }, { name: "x" }],
        }),
      }),
    )
    const { graph, opsets } = readModel(bytes)
    expect(opsets).toEqual({ "": 17 })
    expect(graph.inputs.map(({ name }) => name)).toEqual(["x"])
    const raw = (index: number) => (graph.initializers[index]!.data as Uint8Array).slice().buffer
    expect([...new Float32Array(raw(0))]).toEqual([1.5, -2])
    expect([...new Uint16Array(raw(1))]).toEqual([0x3c00, 0xc000])
    expect([...new Int8Array(raw(2))]).toEqual([-1, 5])
    expect([...new BigInt64Array(raw(3))]).toEqual([-1n, 2n])
    expect([...new Float64Array(raw(4))]).toEqual([0.1, 3])
    expect([...new Uint32Array(raw(5))]).toEqual([7, 4294967295])
  })

  it("are refused with a reason", () => {
    const model = (graph: object, rest: object = {}) =>
      toBinary(ModelProtoSchema, create(ModelProtoSchema, { graph, ...rest } as never))
    const code = (bytes: Uint8Array) => {
      try {
        readModel(bytes)
      } catch (thrown) {
        return (thrown as { code: string }).code
      }
      return "read"
    }
    expect(code(new TextEncoder().encode("<html>not found</html>"))).toBe("data")
    expect(code(new Uint8Array(0))).toBe("data")
    expect(code(model({ initializer: [{ name: "short", dataType: 1, dims: [3n], rawData: new Uint8Array(4) }] }))).toBe(
      "data",
    )
    expect(code(model({ initializer: [{ name: "lost", dataType: 1, dims: [3n], dataLocation: 1 }] }))).toBe("data")
    expect(code(model({ initializer: [{ name: "tiny", dataType: 17, dims: [1n], rawData: new Uint8Array(1) }] }))).toBe(
      "model",
    )
    expect(code(model({}, { functions: [{ name: "mine" }] }))).toBe("model")
    expect(code(model({ sparseInitializer: [{}] }))).toBe("model")
    expect(code(model({ input: [{ name: "pairs", type: { value: { case: "sequenceType", value: {} } } }] }))).toBe(
      "model",
    )
    expect(code(model({ node: [{ opType: "A", attribute: [{ name: "t", type: 13 }] }] }))).toBe("model")
  })
})

describe.skipIf(!exported.every(({ path }) => existsSync(path)))("exports of other tools (../shared/models)", () => {
  const pool = new WorkerPool()
  afterAll(() => pool[Symbol.asyncDispose]())

  for (const { name, path } of exported) {
    it(`${name}: nodes, weights and types survive being read and written`, () => {
      const bytes = readFileSync(path)
      /** Everything but the weights, comments, and fields that hold nothing. */
      const rest = (from: Uint8Array) => {
        const { graph, opsetImport, irVersion } = fromBinary(ModelProtoSchema, from)
        const kept = create(ModelProtoSchema, { irVersion, opsetImport, graph: { ...graph!, initializer: [] } })
        const idle = new Set(["docString", "metadataProps", "valueInfo"])
        const skip = (key: string, value: unknown) => idle.has(key) || value === "" || value === "ai.onnx"
        return JSON.parse(
          JSON.stringify(toJson(ModelProtoSchema, kept), (key, value) => (skip(key, value) ? undefined : value)),
        )
      }
      const again = encodeModel(readModel(bytes))
      expect(rest(again)).toEqual(rest(bytes))
      expect(rest(bytes).graph.node.length).toBeGreaterThan(1)
      const weights = (from: Uint8Array) =>
        readModel(from).graph.initializers.map(({ data, ...rest }) => ({
          ...rest,
          data: Buffer.from(data as Uint8Array).toString("base64"),
        }))
      expect(weights(again)).toEqual(weights(bytes))
    })

    it.skipIf(!runtime)(`${name}: the same numbers come out (onnxruntime-node)`, async () => {
      const bytes = readFileSync(path)
      const open = (model: Uint8Array) => createSession(model, { pool, device: "cpu" })
      await using before = await open(bytes)
      await using after = await open(encodeModel(readModel(bytes)))
      expect(after.inputs).toEqual(before.inputs)
      const feeds = Object.fromEntries(
        before.inputs.map(({ name, type, dims }): [string, Tensor] => {
          const sizes = dims.map((size, axis) =>
            typeof size === "number"
              ? size
              : axis === 0 && !name.includes("offsets")
                ? 1
                : name.startsWith("past")
                  ? 0
                  : 1,
          )
          const count = sizes.reduce((total, size) => total * size, 1)
          return [
            name,
            type === "int64"
              ? tensor("int64", new BigInt64Array(count).fill(name.includes("offsets") ? 0n : 1n), sizes)
              : tensor("float32", new Float32Array(count), sizes),
          ]
        }),
      )
      const [left, right] = [await before.run(feeds), await after.run(feeds)]
      expect(Object.keys(left).length).toBeGreaterThan(0)
      expect(right).toEqual(left)
    })
  }
})
