import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { openDecoder } from "../../../src/models/decoder/open.js"
import { buildTrainingGraph, loadTrainingModel } from "../../../src/models/training-graph/index.js"
import { onDemand } from "../../../src/models/training-graph/on-demand.js"
import { onlyOutputs } from "../../../src/models/training-graph/only-outputs.js"
import type { Graph, Node } from "../../../src/onnx/ir.js"
import { visitNodes } from "../../../src/onnx/ir.js"
import type { OnnxSession } from "../../../src/onnx/session.js"
import { missing, reference, tiny } from "./reference.js"

const nodes = (graph: Graph) => {
  const found: Node[] = []
  visitNodes(graph, (node) => found.push(node))
  return found
}

describe.skipIf(missing)("what a training model computes", () => {
  const folder = join(tiny, "llama")
  const built = async (options: Parameters<typeof buildTrainingGraph>[1] = {}) => {
    const source = await openDecoder(folder)
    if ("graph" in source) throw new Error("a checkpoint is expected")
    return buildTrainingGraph(source, options)
  }

  it("for a step has no logits of all tokens, for a loss nothing of the backward pass", async () => {
    const { graph, trained } = await built()
    const logits = graph.outputs.find(({ name }) => name === "logits")!
    const step = onlyOutputs(graph, ["loss", ...trained.map((name) => `grad.${name}`)])
    expect(step.outputs).toHaveLength(1 + trained.length)
    expect(nodes(graph).some(({ outputs }) => outputs.includes(logits.name))).toBe(true)
    expect(nodes(step).some(({ outputs }) => outputs.includes(logits.name))).toBe(false)

    const loss = onlyOutputs((await built({ trains: () => false })).graph, ["loss"])
    expect(loss.outputs.map(({ name }) => name)).toEqual(["loss"])
    expect(nodes(loss).length).toBeLessThan(nodes(step).length / 2)
    // Logits in the chunks of the loss: one product by the output layer, none for its slopes.
    const [loop] = loss.nodes.filter(({ op }) => op === "Loop")
    const body = loop!.attributes.body
    if (body?.kind !== "graph") throw new Error("a Loop has a body")
    expect(nodes(body.value).filter(({ op }) => op === "Gemm" || op === "MatMul")).toHaveLength(1)
  })

  it("for logits takes no labels", async () => {
    const { graph } = await built({ trains: () => false })
    const names = (part: Graph) => part.inputs.map(({ name }) => name)
    expect(names(onlyOutputs(graph, ["loss"]))).toContain("labels")
    expect(names(onlyOutputs(graph, ["logits"]))).not.toContain("labels")
    expect(() => onlyOutputs(graph, ["grad.x"])).toThrow(/no output grad\.x/)
  })

  it("has the loss of a step without the step, and fails when it was disposed of", async () => {
    const { batch, adapter, modules } = await reference(folder)
    const model = await loadTrainingModel(folder, { device: "cpu", threads: 1, modules })
    const [loss, again] = await Promise.all([model.loss(batch, adapter), model.loss(batch, adapter)])
    expect(again).toBe(loss)
    expect(Math.abs((await model.step(batch, adapter)).loss - loss)).toBeLessThan(1e-5)
    await model[Symbol.asyncDispose]()
    await expect(model.step(batch, adapter)).rejects.toThrow(/disposed/)
    await expect(model.loss(batch, adapter)).rejects.toThrow(/disposed/)
    await expect(model.logits(batch, adapter)).rejects.toThrow(/disposed/)
  })
})

describe("a session on demand", () => {
  const session = (disposals: string[]) =>
    ({ [Symbol.asyncDispose]: async () => void disposals.push("disposed") }) as Partial<OnnxSession> as OnnxSession

  it("is made once, again after a failure, and disposed of where it was made", async () => {
    const disposals: string[] = []
    let tries = 0
    const lazy = onDemand(async () => {
      if (++tries === 1) throw new Error("not yet")
      return session(disposals)
    })
    await expect(lazy.get()).rejects.toThrow("not yet")
    const [first, second] = await Promise.all([lazy.get(), lazy.get()])
    expect(first).toBe(second)
    expect(tries).toBe(2)
    await lazy[Symbol.asyncDispose]()
    expect(disposals).toEqual(["disposed"])
    await expect(lazy.get()).rejects.toThrow(/disposed/)

    const never = onDemand(async () => session(disposals))
    await never[Symbol.asyncDispose]()
    expect(disposals).toHaveLength(1)
  })
})
