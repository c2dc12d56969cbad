/** Rotary positions: each pair of components of a head is turned by an angle that grows with the position (Su et al., RoFormer, 2021). @module */
import type { Value } from "../../onnx/ir.js"
import type { Net } from "../encoder/net.js"
import type { Rope } from "./config.js"

/** Cosines and sines of the angles, each [places, head width / 2]. */
export interface RopeTables {
  readonly cosines: Value
  readonly sines: Value
}

/** The angle between one position and the next, for each pair of components (equation 15 of the paper). */
export function ropeSpeeds({ theta, scaling }: Rope, headWidth: number): number[] {
  // Each step in float32, as the models were trained: the last digit turns far places by a visible angle.
  const speeds = Array.from({ length: headWidth / 2 }, (_, pair) =>
    Math.fround(1 / Math.fround(theta ** Math.fround((2 * pair) / headWidth))),
  )
  switch (scaling.kind) {
    case "none":
      return speeds
    case "linear":
      return speeds.map((speed) => speed / scaling.factor)
    case "llama3": {
      const { factor, lowFactor, highFactor, originalLength } = scaling
      return speeds.map((speed) => {
        // How often the pair turns round within the length that the model was first trained on.
        const turns = (originalLength * speed) / (2 * Math.PI)
        const kept = Math.min(1, Math.max(0, (turns - lowFactor) / (highFactor - lowFactor)))
        return (1 - kept) * (speed / factor) + kept * speed
      })
    }
  }
}

/** Tables for these places, int64 [places]. Angles are computed in float32, as the models were trained. */
export function ropeTables(net: Net, rope: Rope, headWidth: number, places: Value): RopeTables {
  const speeds = net.graph.constant(ropeSpeeds(rope, headWidth), "float32")
  const angles = net.op("Mul", [net.unsqueeze(net.cast(places, "float32"), 1), speeds])
  return { cosines: net.compute(net.op("Cos", [angles])), sines: net.compute(net.op("Sin", [angles])) }
}

/**
 * Turns `x` [batch, length, heads, head width] by tables whose shapes fit [..., length, 1, head width / 2].
 * Pairs are component i with i + head width / 2; interleaved, they are neighbours.
 */
export function rotate(net: Net, x: Value, headWidth: number, tables: RopeTables, interleaved: boolean): Value {
  const half = headWidth / 2
  // Neighbours are split along an axis of their own.
  const split = interleaved ? net.reshape(x, [0, 0, 0, half, 2]) : x
  const axis = interleaved ? 4 : 3
  const part = (index: number) => {
    const from = interleaved ? index : index * half
    const to = interleaved ? index + 1 : (index + 1) * half
    const taken = net.op("Slice", [split, net.integers([from]), net.integers([to]), net.integers([axis])])
    return interleaved ? net.squeeze(taken, axis) : taken
  }
  const [first, second] = [part(0), part(1)]
  const { cosines, sines } = tables
  const product = (a: Value, b: Value) => net.op("Mul", [a, b])
  const turned = [
    net.op("Sub", [product(first, cosines), product(second, sines)]),
    net.op("Add", [product(second, cosines), product(first, sines)]),
  ]
  if (!interleaved) return net.op("Concat", turned, { axis: 3 })
  const pairs = net.op(
    "Concat",
    turned.map((value) => net.unsqueeze(value, 4)),
    { axis: 4 },
  )
  return net.reshape(pairs, [0, 0, 0, headWidth])
}
