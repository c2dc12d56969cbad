/** Reverse-mode differentiation: a graph in, the graph with its gradients out. @module */
import { RankineError } from "../../core/errors.js"
import { GraphBuilder } from "../graph.js"
import type { Graph, Node, Value } from "../ir.js"
import { withoutDeadCode } from "../passes/dead-code.js"
import { fuseSums } from "../passes/fuse-sums.js"
import { masksAsSums } from "../passes/masks-as-sums.js"
import { Accumulator } from "./accumulator.js"
import { finish } from "./finish.js"
import { Forward } from "./forward.js"
import { lowerLogProbabilities } from "./log-probabilities.js"
import { pathsBetween } from "./paths.js"
import { Recomputation } from "./recompute.js"
import type { Part, Step } from "./rule.js"
import { Sizes } from "./sizes.js"
import { ruleOf } from "./table.js"

export interface GradientOptions {
  /** What the loss's own gradient is: a value of the graph in the loss's shape. Ones by default. */
  readonly seed?: string | Value
  /**
   * Compute activations again in the backward pass instead of keeping them: `true` between the marks that `checkpoint` made at the end
   * of each layer, or between these values. What the backward pass begins with, the last layer and what follows, is kept. Nothing is
   * computed again by default.
   */
  readonly recompute?: boolean | readonly (string | Value)[]
  /** What the output with the gradient of a value is called: `gradient of NAME` by default. */
  readonly nameOf?: (name: string) => string
  /** Outputs of the graph to keep beside the gradients; all by default. */
  readonly outputs?: readonly string[]
  /** What to do about values that the loss does not depend on: refuse (the default), or say that their gradient is 0. */
  readonly unreached?: "error" | "zeros"
}

export interface Gradients {
  /** The graph with a further output for each gradient. */
  readonly graph: Graph
  /** The gradients' outputs, in the order of `wrt`: each has the type and shape of its value. */
  readonly gradients: readonly Value[]
}

/**
 * Adds to a graph the gradients of `loss` with respect to the values `wrt`: inputs, constants or values in between. Only what lies on
 * a path between the two is differentiated; fused operators on such a path are replaced by what they stand for. The graph given is
 * left as it is, and must be written in opset 18 or later (`upgradeModel` sees to it).
 *
 * @throws RankineError `argument` for values that the graph does not have or that the loss does not depend on, `model` for an
 * operator without a rule
 * @example
 * const { graph, gradients: [dw] } = gradients(model.graph, "loss", ["w"])
 */
export function gradients(
  source: Graph,
  loss: string | Value,
  wrt: readonly (string | Value)[],
  options: GradientOptions = {},
): Gradients {
  const nameOf = options.nameOf ?? ((name) => `gradient of ${name}`)
  const lossName = nameFor(loss)
  const names = wrt.map(nameFor)
  const builder = new GraphBuilder(source.name)
  const forward = new Forward(builder, source, lossName, names)
  for (const name of [lossName, ...names])
    if (!builder.find(name))
      throw new RankineError("argument", `the graph ${source.name} has no value ${name} to differentiate`)

  const { nodes, values } = pathsBetween(builder.graph, lossName, names)
  const unreached = names.filter((name) => !values.has(name) && name !== lossName)
  if (unreached.length > 0 && options.unreached !== "zeros")
    throw new RankineError(
      "argument",
      `${lossName} does not change with ${unreached.join(", ")}: leave these out, or ask for zeros with unreached: "zeros"`,
    )

  const sizes = new Sizes(builder)
  const rowTotals = new Map<string, () => Value>()
  const parts = new Map<string, Part>()
  const totals = new Accumulator(builder, parts)
  const lossValue = builder.find(lossName)!
  totals.add(lossName, seedOf(builder, sizes, lossValue, options.seed))
  const kept = options.outputs ?? source.outputs.map(({ name }) => name)
  const again = new Recomputation(forward.nodes, builder, options.recompute, [lossName, ...names, ...kept])
  for (const node of [...forward.nodes].reverse()) {
    if (!nodes.has(node) || !node.outputs.some((output) => totals.has(output))) continue
    const upstream = node.outputs.map((output) => totals.get(output))
    const found = again.during(node, upstream.find((value) => value !== undefined)!)
    const step: Step = {
      graph: builder,
      node,
      inputs: node.inputs.map((name) => (name === "" ? undefined : found(name))),
      outputs: node.outputs.map((name) => found(name)),
      upstream,
      sizes,
      rowTotals,
      parts,
      needs: (index) => values.has(node.inputs[index] ?? ""),
    }
    const rule = ruleOf(node)
    if (!rule) throw unknownOperator(node)
    rule.rule(step).forEach((gradient, index) => {
      const name = node.inputs[index]
      if (gradient && name && values.has(name)) totals.add(name, gradient)
    })
  }

  builder.graph.outputs.push(...forward.outputs(kept))
  const made = finish(builder, sizes, totals, names, nameOf)
  return { graph: lowerLogProbabilities(fuseSums(masksAsSums(withoutDeadCode(builder.graph)))), gradients: made }
}

function nameFor(value: string | Value): string {
  return typeof value === "string" ? value : value.name
}

function seedOf(builder: GraphBuilder, sizes: Sizes, loss: Value, given: string | Value | undefined): Value {
  if (given === undefined) {
    const one = builder.constant(1, loss.type ?? "float32")
    return loss.shape?.length === 0 ? one : builder.expand(one, sizes.of(loss))
  }
  const seed = builder.find(nameFor(given))
  if (!seed) throw new RankineError("argument", `the graph has no value ${nameFor(given)} to start from`)
  return seed
}

function unknownOperator({ op, domain, name }: Node): RankineError {
  const full = domain === "" ? op : `${domain}.${op}`
  return new RankineError(
    "model",
    `there is no gradient rule for ${full} (node ${name}): export the model with other operators, or train only values behind this node`,
  )
}
