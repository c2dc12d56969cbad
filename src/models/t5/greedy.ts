/** Greedy decoding as one graph: the encoder, the keys and values it leaves behind, and a loop that writes token after token. @module */
import { RankineError } from "../../core/errors.js"
import type { Graph, Node, Value } from "../../onnx/ir.js"
import type { Checkpoint } from "../checkpoint/safetensors.js"
import { encoderInputs } from "../encoder/inputs.js"
import { type T5Form, t5Parts } from "./build.js"
import type { T5Config } from "./config.js"
import { crossMemory, decoderHidden, type KeysAndValues, outputLogits } from "./decoder.js"
import { encoderHidden } from "./encoder.js"
import { innerWidth, type T5Parts } from "./parts.js"

/** The name of the output of the graph: int32 [steps, batch], `padId` after the end of a row. */
export const TOKENS = "tokens"

export interface BuiltGreedyT5 {
  /** The ONNX model without its weights, which are named relative to `folder`. */
  readonly model: Uint8Array
  readonly folder: string
}

/**
 * Builds the graph that encodes rows and writes the likeliest token after the likeliest token. Inputs: int32 `input_ids` and
 * `attention_mask` [batch · passages, length]; int64 [1] `passages`, the number of rows that are encoded each by itself and read together
 * by one decoder (fusion in decoder); int64 [] `steps`, the most tokens to write. It ends early once every row has ended.
 *
 * The loop is in the graph, so that keys and values of earlier tokens stay where they are computed.
 * @param allowed the only tokens that may be written; all where it is left out
 * @see Izacard and Grave, Leveraging passage retrieval with generative models, EACL 2021 (fusion in decoder)
 */
export async function buildGreedyT5(
  config: T5Config,
  checkpoint: Checkpoint,
  options: T5Form & { readonly allowed?: readonly number[] } = {},
): Promise<BuiltGreedyT5> {
  const { allowed, ...form } = options
  const parts = t5Parts("t5-greedy", config, checkpoint, form)
  const { net } = parts
  const { graph } = net
  const inputs = encoderInputs(net, false)
  const passages = graph.input("passages", "int64", [1])
  const steps = graph.input("steps", "int64", [])
  const fused = (value: Value, rest: readonly number[]) => {
    const length = net.op("Mul", [net.op("Shape", [inputs.ids], { start: 1, end: 2 }), passages])
    return net.reshape(value, net.op("Concat", [net.integers([-1]), length, net.integers(rest)], { axis: 0 }))
  }
  const hidden = fused(encoderHidden(parts, inputs), [config.width])
  const mask = fused(inputs.mask, [])
  const memory = crossMemory(parts, hidden, mask)
  const batch = net.op("Shape", [hidden], { start: 0, end: 1 })
  const none = net.op("Expand", [
    net.scalar(0),
    net.op("Concat", [batch, net.integers([0, innerWidth(parts)])], { axis: 0 }),
  ])
  const start = net.op("Expand", [
    graph.constant(config.startId, "int32"),
    net.op("Concat", [batch, net.integers([1])], { axis: 0 }),
  ])
  const running = net.op("Expand", [
    graph.constant(0, "bool"),
    net.op("Concat", [batch, net.integers([1])], { axis: 0 }),
  ])

  const loop = loopOver(parts, {
    carried: [
      { name: "last", type: "int32", shape: ["groups", 1] },
      { name: "ended", type: "bool", shape: ["groups", 1] },
      ...Array.from(
        { length: 2 * config.decoderLayers },
        (_, index): Value => ({
          name: `past.${index}`,
          type: "float32",
          shape: ["groups", null, innerWidth(parts)],
        }),
      ),
    ],
    step([last, ended, ...pasts]) {
      const past = Array.from(
        { length: config.decoderLayers },
        (_, layer): KeysAndValues => ({
          key: pasts[2 * layer],
          value: pasts[2 * layer + 1],
        }),
      )
      const decoded = decoderHidden(parts, { ids: last, memory, past })
      const best = net.op("ArgMax", [outputLogits(parts, decoded.hidden, allowed)], { axis: 1, keepdims: 1 })
      const chosen = allowed ? net.op("Gather", [net.integers(allowed), best]) : best
      const token = graph.where(ended, graph.constant(config.padId, "int32"), graph.cast(chosen, "int32"))
      const over = graph.or(ended, graph.equal(token, config.endId))
      const open = net.op("Cast", [net.op("Not", [over])], { to: 6 })
      return {
        more: net.op("Cast", [net.op("ReduceMax", [open], { keepdims: 0 })], { to: 9 }),
        carried: [token, over, ...decoded.present.flatMap(({ key, value }) => [key, value])],
        written: net.squeeze(token, 1),
      }
    },
  })
  graph.output(loop(steps, [start, running, ...Array.from({ length: 2 * config.decoderLayers }, () => none)]), TOKENS)
  return { model: await net.toModel(), folder: net.folder }
}

interface Loop {
  readonly carried: readonly Value[]
  /** Writes one turn of the loop with the graph of the net. */
  step(carried: readonly Value[]): {
    readonly more: Value
    readonly carried: readonly Value[]
    readonly written: Value
  }
}

/**
 * A Loop whose body is written with the net's own graph: afterwards the nodes that depend on what is carried are moved into the body, and the
 * others, weights above all, stay outside and are computed once. Gives what is written in each turn, stacked.
 */
function loopOver({ net }: T5Parts, { carried, step }: Loop): (turns: Value, first: readonly Value[]) => Value {
  const { graph } = net
  const outer = graph.graph
  const inputs = [
    graph.input("turn", "int64", []),
    graph.input("go_on", "bool", []),
    ...carried.map(({ name, type, shape }) => graph.input(name, type!, shape!)),
  ]
  outer.inputs = outer.inputs.filter((input) => !inputs.includes(input))
  const before = outer.nodes.length
  const result = step(inputs.slice(2))
  const outputs = [result.more, ...result.carried, result.written].map((value) => net.op("Identity", [value]))
  const changing = new Set(inputs.map(({ name }) => name))
  const body: Node[] = []
  const kept: Node[] = []
  for (const node of outer.nodes.splice(before)) {
    const inside = node.inputs.some((input) => changing.has(input))
    for (const output of inside ? node.outputs : []) {
      changing.add(output)
      outer.values.delete(output)
    }
    ;(inside ? body : kept).push(node)
  }
  outer.nodes.push(...kept)
  if (!outputs.every(({ name }) => changing.has(name)))
    throw new RankineError("internal", "the loop writes something that does not change in it")
  const value: Graph = { name: "step", inputs, outputs, nodes: body, initializers: [], values: new Map() }
  return (turns, first) => {
    const go = graph.constant(1, "bool")
    const names = carried.length + 1
    return graph.op("Loop", [turns, go, ...first], { body: { kind: "graph", value } }, { outputs: names }).at(-1)!
  }
}
