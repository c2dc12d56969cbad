/**
 * Log-probabilities of chosen tokens, some tokens at a time, and nothing for tokens without a label. In a graph under construction this
 * is one node; it becomes a Loop when the graph is done, which also computes the gradient by the hidden vectors while a chunk's
 * probabilities are at hand: the backward pass multiplies no matrices for it.
 * @module
 */
import type { GraphBuilder } from "../graph.js"
import { GraphBuilder as Builder } from "../graph.js"
import type { Graph, Node, Value } from "../ir.js"
import type { Known } from "../shapes.js"
import { type Differentiable, incoming, input, intOf, type Step } from "./rule.js"
import { rowsOf } from "./rules/products.js"

export interface TokenChoice {
  /** float32 [..., width] */
  readonly hidden: Value
  /** float32 [vocabulary, width], as checkpoints keep it. */
  readonly weight: Value
  /** Added to the logits: [vocabulary]. */
  readonly bias?: Value
  /** int64 or int32 [...]: the token of each vector; -100 where there is none. */
  readonly labels: Value
  /** Tokens whose logits exist at a time: chunk · vocabulary · 8 bytes, about. 128 by default. */
  readonly chunk?: number
}

const OP = "LogProbabilities"
const DOMAIN = "rankine"

/** log softmax(hidden · weightᵀ + bias) at the label of each vector, in the shape of the labels; 0 where a label is negative. */
export function logProbabilities(
  graph: GraphBuilder,
  { hidden, weight, bias, labels, chunk = 128 }: TokenChoice,
): Value {
  return graph.op(OP, [hidden, weight, labels, bias], { chunk }, { domain: DOMAIN })
}

/** A graph that ONNX Runtime can run: nodes of log-probabilities become Loops. */
export function lowerLogProbabilities(graph: Graph): Graph {
  if (!graph.nodes.some(isChoice)) return graph
  const builder = new Builder(graph.name)
  builder.adopt(graph)
  for (const node of graph.nodes) {
    if (isChoice(node)) lower(builder, node)
    else builder.addNode(node, graph.values)
  }
  for (const { name } of graph.outputs) builder.graph.values.delete(name)
  return { ...builder.graph, outputs: graph.outputs }
}

function isChoice({ op, domain }: Node): boolean {
  return op === OP && domain === DOMAIN
}

function lower(graph: GraphBuilder, node: Node): void {
  const [hidden, weight, labels, bias] = node.inputs.map((name) => graph.find(name)) as [Value, Value, Value, Value?]
  const [chosen, slopes] = node.outputs
  const chunks = new Chunks(graph, { hidden, weight, bias, labels, chunk: intOf(node, "chunk", 128) })
  const made = chunks.collect(`${node.name} body`, (body, part) => {
    const logits = part.logits()
    const picked = body.squeeze(body.gatherElements(logits.shifted, body.unsqueeze(part.labels, [1]), 1), [1])
    const total = body.reduceSum(logits.powers, [1], true)
    const results = [body.sub(picked, body.squeeze(body.log(total), [1]))]
    if (slopes) {
      // d log p / d hidden = weight of the label - the mean weight under the probabilities.
      const mean = body.div(body.gemm(logits.powers, weight), total)
      results.push(body.sub(body.gather(weight, part.labels), mean))
    }
    return results
  })
  const bind = (value: Value, name: string | undefined, like: Value) => {
    if (name)
      graph.addNode({
        name,
        op: "Reshape",
        domain: "",
        attributes: {},
        inputs: [value.name, graph.shape(like).name],
        outputs: [name],
      })
  }
  bind(made[0]!, chosen, labels)
  if (slopes) bind(made[1]!, slopes, hidden)
}

interface Chunk {
  readonly rows: Value
  /** int64: their labels. */
  readonly labels: Value
  /** Written on demand: logits less their largest, and their powers. */
  logits(): { readonly shifted: Value; readonly powers: Value }
  /** The same part of another tensor that `pick` has made. */
  part(other: Value): Value
}

type Choice = Omit<Required<TokenChoice>, "bias"> & { readonly bias: Value | undefined }

/** Loops over the rows of those tokens that have a label, some at a time. */
class Chunks {
  readonly #graph: GraphBuilder
  readonly #choice: Choice
  /** int64 [tokens with a label]: which tokens these are. */
  readonly #places: Value
  readonly #rows: Value
  readonly #labels: Value
  /** int64 [1]: tokens, and tokens with a label. */
  readonly #total: Value
  readonly #count: Value
  readonly #trips: Value

  constructor(graph: GraphBuilder, choice: Choice) {
    this.#graph = graph
    this.#choice = choice
    const labels = graph.cast(graph.reshape(choice.labels, [-1]), "int64")
    this.#total = graph.shape(labels)
    const real = graph.op("GreaterOrEqual", [labels, graph.constant(0, "int64")])
    this.#places = graph.reshape(graph.op("NonZero", [real]), [-1])
    this.#rows = this.pick(rowsOf({ graph }, choice.hidden))
    this.#labels = this.pick(labels)
    this.#count = graph.shape(this.#places)
    const last = graph.add(this.#count, choice.chunk - 1)
    this.#trips = graph.squeeze(graph.div(last, choice.chunk), [0])
  }

  /** The rows of a tensor, [tokens, ...], that have a label: where a prompt has none, its logits are never made. */
  pick(rows: Value): Value {
    return this.#graph.gather(rows, this.#places)
  }

  /** [tokens, ...]: the rows in their places, and zeros for tokens without a label. */
  #spread(rows: Value): Value {
    const graph = this.#graph
    const rest = (rows.shape?.slice(1) ?? []).map(Number)
    const sizes = rest.length === 0 ? this.#total : graph.concat([this.#total, graph.constant(rest, "int64")], 0)
    const zeros = graph.expand(graph.constant(0, rows.type ?? "float32"), sizes)
    // Each place is named once: nothing is added up.
    return graph.op("ScatterND", [zeros, graph.unsqueeze(this.#places, [1]), rows])
  }

  /** What `write` makes of each chunk, [rows of the chunk, ...], joined to tensors over all tokens. */
  collect(name: string, write: (body: GraphBuilder, part: Chunk) => readonly Value[]): Value[] {
    const { chunk } = this.#choice
    const { body, part, length } = this.#begin(name)
    const made = write(body, part)
    // Every trip gives as many rows, so that ONNX Runtime can join them: the last one is filled up.
    const missing = body.sub(body.constant([chunk], "int64"), length)
    const pads = body.concat([body.constant([0], "int64"), missing], 0)
    for (const [index, value] of made.entries()) {
      const padded = body.op(
        "Pad",
        [value, pads, undefined, body.constant([0], "int64")],
        {},
        {
          results: [{ shape: [chunk, ...(value.shape?.slice(1) ?? [])] }],
        },
      )
      body.output(padded, `${name} ${index}`)
    }
    const results = made.map((value) => ({ type: value.type, shape: [null, chunk, ...(value.shape?.slice(1) ?? [])] }))
    const joined = this.#loop(body, [], results)
    return joined.map((all, index) => {
      const rest = made[index]!.shape?.slice(1).map(Number) ?? []
      const flat = this.#graph.reshape(all, [-1, ...rest])
      return this.#spread(this.#graph.slice(flat, this.#graph.constant([0], "int64"), this.#count, [0]))
    })
  }

  /** The sums, over all chunks, of what `write` makes of each, onto the tensors given. */
  sum(name: string, onto: readonly Value[], write: (body: GraphBuilder, part: Chunk) => readonly Value[]): Value[] {
    const { body, part } = this.#begin(name)
    const totals = onto.map((value, index) =>
      body.input(`${name} ${index}`, value.type ?? "float32", value.shape ?? []),
    )
    for (const [index, value] of write(body, part).entries())
      body.output(body.add(totals[index]!, value), `${name} sum ${index}`)
    return this.#loop(
      body,
      onto,
      onto.map(({ type, shape }) => ({ type, shape })),
    )
  }

  #begin(name: string): { body: GraphBuilder; part: Chunk; length: Value } {
    const { chunk, weight, bias } = this.#choice
    const body = this.#graph.subgraph(name)
    const trip = body.input(`${name} trip`, "int64", [])
    const going = body.input(`${name} going`, "bool", [])
    body.output(going, `${name} on`)
    const start = body.unsqueeze(body.mul(trip, chunk), [0])
    const end = body.min(body.add(start, chunk), this.#count)
    const cut = (value: Value) => body.slice(value, start, end, [0])
    const [rows, labels] = [cut(this.#rows), cut(this.#labels)]
    const part: Chunk = {
      rows,
      labels,
      logits: () => {
        const logits = body.gemm(rows, weight, bias, { transB: true })
        const shifted = body.sub(logits, body.reduceMax(logits, [1], true))
        return { shifted, powers: body.exp(shifted) }
      },
      part: cut,
    }
    return { body, part, length: body.sub(end, start) }
  }

  #loop(body: GraphBuilder, state: readonly Value[], results: readonly Known[]): Value[] {
    return this.#graph.op(
      "Loop",
      [this.#trips, this.#graph.constant(1, "bool"), ...state],
      { body: { kind: "graph", value: body.graph } },
      { outputs: results.length, results },
    )
  }
}

/** d log p / d weight = (1 at the label - probability) ⊗ hidden: the logits are made again, chunk by chunk. */
function weightGradients(step: Step, slopes: Value): { weight: Value | undefined; bias: Value | undefined } {
  const { graph, node, sizes } = step
  const [hidden, weight, labels, bias] = [input(step, 0), input(step, 1), input(step, 2), step.inputs[3]]
  const chunks = new Chunks(graph, { hidden, weight, bias, labels, chunk: intOf(node, "chunk", 128) })
  const onto = [...(step.needs(1) ? [weight] : []), ...(bias && step.needs(3) ? [bias] : [])]
  const flat = chunks.pick(graph.unsqueeze(graph.reshape(slopes, [-1]), [1]))
  const sums = chunks.sum(
    `${node.name} gradient`,
    onto.map((each) => sizes.zeros(each)),
    (body, part) => {
      const { powers } = part.logits()
      const slope = part.part(flat)
      const shares = body.neg(body.mul(powers, body.div(slope, body.reduceSum(powers, [1], true))))
      const own = body.unsqueeze(part.labels, [1])
      const all = body.op("ScatterElements", [shares, own, body.add(body.gatherElements(shares, own, 1), slope)], {
        axis: 1,
      })
      return onto.map((each) =>
        each === weight ? body.gemm(all, part.rows, undefined, { transA: true }) : body.reduceSum(all, [0], false),
      )
    },
  )
  return { weight: step.needs(1) ? sums[0] : undefined, bias: bias && step.needs(3) ? sums.at(-1) : undefined }
}

export const logProbabilitiesRule: Differentiable = {
  inputs: (index) => index !== 2,
  outputs: (index) => index === 0,
  extraOutputs: 2,
  rule: (step) => {
    const { graph } = step
    const dy = incoming(step)
    const { weight, bias } =
      step.needs(1) || step.needs(3) ? weightGradients(step, dy) : { weight: undefined, bias: undefined }
    return [step.needs(0) ? graph.mul(step.outputs[1]!, graph.unsqueeze(dy, [-1])) : undefined, weight, undefined, bias]
  },
}
