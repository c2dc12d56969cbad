/** The adapter that a reference is about. @module */
import { Random } from "../../core/random.js"
import { type LinearLayer, type LoraLayer, loraInputs } from "../../lowrank/index.js"
import { openPeftAdapter } from "../checkpoint/peft.js"
import type { AdapterNumbers } from "./arithmetic.js"

export interface VerifiedAdapter {
  readonly modules: readonly string[]
  readonly numbers: AdapterNumbers
}

/** The adapter in a folder. Throws as `openPeftAdapter`. */
export async function readAdapter(folder: string): Promise<VerifiedAdapter> {
  return numbersOf((await openPeftAdapter(folder)).layers)
}

/** The matrices as inputs of a graph. */
export function numbersOf(layers: ReadonlyMap<string, LoraLayer>): VerifiedAdapter {
  const numbers = new Map<string, { dims: readonly number[]; data: Float64Array }>()
  for (const [module, { a, b, rank, inputs, outputs, scale }] of layers) {
    const names = loraInputs(module)
    numbers.set(names.a, { dims: [rank, inputs], data: Float64Array.from(a) })
    numbers.set(names.b, { dims: [outputs, rank], data: Float64Array.from(b) })
    numbers.set(names.scale, { dims: [], data: Float64Array.of(scale) })
  }
  return { modules: [...layers.keys()], numbers }
}

const [RANK, ALPHA] = [4, 8]

/** An adapter to pin a model with: neither matrix is zero, so that both have gradients. The same for the same layers. */
export function inventedLayers(layers: readonly LinearLayer[]): Map<string, LoraLayer> {
  const matrix = (name: string, rows: number, columns: number) => {
    const random = new Random(0, name)
    return Float32Array.from({ length: rows * columns }, () => (random.normal() * 0.3) / Math.sqrt(columns))
  }
  return new Map(
    layers.map(({ module, inputs, outputs }) => {
      const { a, b } = loraInputs(module)
      const [down, up] = [matrix(a, RANK, inputs), matrix(b, outputs, RANK)]
      return [module, { a: down, b: up, rank: RANK, inputs, outputs, scale: ALPHA / RANK }]
    }),
  )
}
