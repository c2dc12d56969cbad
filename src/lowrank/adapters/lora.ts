/** LoRA: a frozen weight plus a trained product of two narrow matrices. @module */
import { RankineError } from "../../core/errors.js"
import { Random } from "../../core/random.js"
import { type Tensor, tensor } from "../../onnx/tensor.js"
import type { LinearLayer } from "../layer.js"
import type { Parameter } from "../parameter.js"
import type { Adapter } from "./adapter.js"
import { loraInputs, loraSlot } from "./lora-slot.js"

export interface LoraOptions {
  /** Default 8. */
  readonly rank?: number
  /** The product is multiplied with alpha / rank. Default 16. */
  readonly alpha?: number
  /** Divide alpha by the rank's square root, which keeps high ranks from fading (Kalajdzievski, rsLoRA, 2023). Default false. */
  readonly rankStabilised?: boolean
  /** Of the random numbers that A begins with. Default 0. */
  readonly seed?: number
}

/** The matrices of one layer: `y = W x + scale · B (A x)`. */
export interface LoraLayer {
  /** [rank, inputs] */
  readonly a: Float32Array
  /** [outputs, rank] */
  readonly b: Float32Array
  readonly rank: number
  readonly inputs: number
  readonly outputs: number
  readonly scale: number
}

export interface LoraAdapter extends Adapter {
  readonly method: "lora"
  /** By module, in the form that PEFT's folders are written from. */
  serialise(): ReadonlyMap<string, LoraLayer>
}

/**
 * A new adapter that changes nothing yet: A is uniform within ±1/√inputs, which is PEFT's Kaiming initialisation with a = √5, and B is 0.
 * A layer's numbers follow from (seed, module) alone, whatever other layers there are.
 * @throws RankineError `argument` for a rank that is no whole number of at least 1
 * @see Hu et al., LoRA: Low-rank adaptation of large language models, 2022
 * @example
 * const adapter = createLora(model.layers, { rank: 8, alpha: 16 })
 * const { gradients } = await model.step(batch, adapter.inputs())
 * optimizer.step(adapter.parameters, gradients)
 */
export function createLora(layers: readonly LinearLayer[], options: LoraOptions = {}): LoraAdapter {
  const { rank = 8, alpha = 16, rankStabilised = false, seed = 0 } = options
  if (!Number.isInteger(rank) || rank < 1)
    throw new RankineError("argument", `the rank must be a whole number of at least 1, got ${rank}`)
  const scale = alpha / (rankStabilised ? Math.sqrt(rank) : rank)
  const made = layers.map(({ module, inputs, outputs }): [string, LoraLayer] => {
    const random = new Random(seed, `LoRA A of ${module}`)
    const bound = 1 / Math.sqrt(inputs)
    const a = Float32Array.from({ length: rank * inputs }, () => bound * (2 * random.float() - 1))
    return [module, { a, b: new Float32Array(outputs * rank), rank, inputs, outputs, scale }]
  })
  return loraOf(new Map(made))
}

/** The adapter of these matrices, which it uses as they are: what `openPeftAdapter` reads, or `serialise` gave. Throws `argument` where sizes do not fit. */
export function loraOf(matrices: ReadonlyMap<string, LoraLayer>): LoraAdapter {
  const layers: LinearLayer[] = []
  const parameters: Parameter[] = []
  for (const [module, { a, b, rank, inputs, outputs }] of matrices) {
    if (a.length !== rank * inputs || b.length !== outputs * rank)
      throw new RankineError(
        "argument",
        `${module}: matrices of ${a.length} and ${b.length} numbers are not [${rank}, ${inputs}] and [${outputs}, ${rank}]`,
      )
    const names = loraInputs(module)
    layers.push({ module, inputs, outputs })
    parameters.push({ name: names.a, dims: [rank, inputs], data: a }, { name: names.b, dims: [outputs, rank], data: b })
  }
  const layerOf = (module: string): LoraLayer => {
    const layer = matrices.get(module)
    if (layer) return layer
    throw new RankineError("argument", `the adapter has no layer ${module}; it has ${[...matrices.keys()].join(", ")}`)
  }
  const merge = (module: string, weight: Float32Array): Float32Array => {
    const { a, b, rank, inputs, outputs, scale } = layerOf(module)
    if (weight.length !== outputs * inputs)
      throw new RankineError("argument", `${module}: ${weight.length} weights are not [${outputs}, ${inputs}]`)
    const merged = new Float32Array(weight.length)
    const row = new Float64Array(inputs)
    for (let output = 0; output < outputs; output++) {
      row.fill(0)
      for (let at = 0; at < rank; at++) {
        const factor = scale * b[output * rank + at]!
        for (let input = 0; input < inputs; input++) row[input]! += factor * a[at * inputs + input]!
      }
      const from = output * inputs
      for (let input = 0; input < inputs; input++) merged[from + input] = weight[from + input]! + row[input]!
    }
    return merged
  }
  return {
    method: "lora",
    layers,
    slot: loraSlot(({ module }) => matrices.has(module)),
    parameters,
    inputs() {
      const tensors: Record<string, Tensor> = {}
      for (const { name, dims, data } of parameters) tensors[name] = tensor("float32", data, dims)
      for (const [module, { scale }] of matrices)
        tensors[loraInputs(module).scale] = tensor("float32", Float32Array.of(scale), [])
      return tensors
    },
    delta: (module) => merge(module, new Float32Array(layerOf(module).outputs * layerOf(module).inputs)),
    merge,
    paramCount: () => parameters.reduce((sum, { data }) => sum + data.length, 0),
    serialise: () => matrices,
  }
}
