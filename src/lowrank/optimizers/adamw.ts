/** AdamW: steps in units of the gradient's own spread, and weight decay apart from them. @module */
import { RankineError } from "../../core/errors.js"
import type { Floats } from "../parameter.js"
import type { Optimizer, OptimizerState } from "./optimizer.js"

export interface AdamWOptions {
  /** Default 1e-3. */
  readonly learningRate?: number
  /** How much of the past the mean of gradients and that of their squares keep. Default 0.9 and 0.999. */
  readonly betas?: readonly [number, number]
  /** Default 1e-8. */
  readonly epsilon?: number
  /** Share of each weight that a step takes away, times the learning rate. Default 0.01. */
  readonly weightDecay?: number
  /** What an earlier optimizer remembered. */
  readonly state?: OptimizerState
}

/** What is remembered of one parameter. */
interface Moments {
  /** Steps in which the parameter had a gradient. */
  count: number
  readonly first: Floats
  readonly second: Floats
}

/**
 * The optimizer of torch.optim.AdamW, with its defaults. Moments are kept in the parameter's own type and all arithmetic is float64, so that
 * a step of float32 parameters differs from PyTorch's float64 by the rounding of what is stored.
 * @throws RankineError `argument` for settings out of range
 * @see Loshchilov and Hutter, Decoupled weight decay regularization, 2019, algorithm 2
 */
export function createAdamW(options: AdamWOptions = {}): Optimizer {
  const { learningRate = 1e-3, betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0.01, state } = options
  const [beta1, beta2] = betas
  for (const [name, value, sound] of [
    ["learningRate", learningRate, learningRate >= 0],
    ["betas", betas.join(", "), [beta1, beta2].every((beta) => beta >= 0 && beta < 1)],
    ["epsilon", epsilon, epsilon >= 0],
    ["weightDecay", weightDecay, weightDecay >= 0],
  ] as const)
    if (!sound) throw new RankineError("argument", `${name} ${value} is out of range`)
  const known = new Map<string, Moments>()
  for (const [name, { first, second }] of Object.entries(state?.tensors ?? {})) {
    if (!first || !second) throw new RankineError("argument", `the state of ${name} is not that of AdamW`)
    known.set(name, { count: state?.counts[name] ?? 0, first: first.slice(), second: second.slice() })
  }
  let steps = state?.steps ?? 0

  const momentsOf = (name: string, data: Floats): Moments => {
    const zeros = () => (data instanceof Float64Array ? new Float64Array(data.length) : new Float32Array(data.length))
    const made = known.get(name) ?? { count: 0, first: zeros(), second: zeros() }
    if (made.first.length !== data.length)
      throw new RankineError("argument", `${name} has ${data.length} numbers, its state ${made.first.length}`)
    known.set(name, made)
    return made
  }
  return {
    method: "adamw",
    get steps() {
      return steps
    },
    step(parameters, gradients, rate = learningRate) {
      for (const { name, data } of parameters) {
        const given = gradients[name]
        if (given && given.length !== data.length)
          throw new RankineError("argument", `${name} has ${data.length} numbers, its gradient ${given.length}`)
      }
      steps++
      for (const { name, data } of parameters) {
        const gradient = gradients[name]
        if (!gradient) continue
        const moments = momentsOf(name, data)
        const { first, second } = moments
        const count = ++moments.count
        const size = rate / (1 - beta1 ** count)
        const root = Math.sqrt(1 - beta2 ** count)
        const kept = 1 - rate * weightDecay
        for (let at = 0; at < data.length; at++) {
          const slope = gradient[at]!
          const mean = first[at]! + (slope - first[at]!) * (1 - beta1)
          const square = beta2 * second[at]! + (1 - beta2) * slope * slope
          first[at] = mean
          second[at] = square
          data[at] = kept * data[at]! - (size * mean) / (Math.sqrt(square) / root + epsilon)
        }
      }
    },
    stateBytes: () => [...known.values()].reduce((sum, { first }) => sum + 2 * first.byteLength, 0),
    state: () => ({
      steps,
      tensors: Object.fromEntries(
        [...known].map(([name, { first, second }]) => [name, { first: first.slice(), second: second.slice() }]),
      ),
      counts: Object.fromEntries([...known].map(([name, { count }]) => [name, count])),
    }),
  }
}
