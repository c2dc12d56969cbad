/** How far a computed model is from its reference. @module */
import { createAdamW } from "../../lowrank/index.js"
import type { AdapterNumbers, Computed } from "./arithmetic.js"
import type { Reference } from "./reference.js"

/** The largest deviation of each part; null where the reference has none, or the model no adapter. */
export interface Deviations {
  readonly logits: number
  readonly adapterLogits: number | null
  readonly loss: number | null
  /** Relative to the largest gradient of the tensor. */
  readonly gradients: number | null
  /** Of the adapter after five steps of AdamW. */
  readonly steps: number | null
}

export interface Comparison extends Deviations {
  /**
   * Elements not compared after the steps: their gradient is next to none, so that rounding decides where Adam goes. That is a millionth of
   * the tensor's largest gradient; where so the steps do not agree, four times what the tensor's gradients deviate by, at most a 100,000th.
   */
  readonly leftOut: number
  /** Where each part is furthest off. */
  readonly where: Readonly<Partial<Record<keyof Deviations, string>>>
}

export const TOLERANCES = { logits: 1e-4, adapterLogits: 1e-4, loss: 1e-4, gradients: 1e-3, steps: 1e-4 } as const

/** Gradients below this share of the tensor's largest are rounding of floats. */
const NOISE = 1e-6
/** Where the reference's own gradients are rounded to float32 more coarsely, up to this share. */
const MOST_NOISE = 1e-5
/** How many times the largest deviation of a tensor's gradients an element must have, for Adam's first step to be told from it. */
const CLEAR = 4
const STEPS = 5

/** The settings of the five steps. */
const adamW = { learningRate: 1e-2, betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.01 } as const

/** The adapter with a scale of zero: the model itself. */
export function switchedOff(adapter: AdapterNumbers): AdapterNumbers {
  const off = ([name, { dims, data }]: [string, { dims: readonly number[]; data: Float64Array }]) =>
    [name, { dims, data: name.endsWith(".lora_scale") ? new Float64Array(data.length) : data }] as const
  return new Map([...adapter].map(off))
}

export interface Trained {
  readonly losses: readonly number[]
  readonly gradients: Readonly<Record<string, Float64Array>>
  /** The adapter after the steps. */
  readonly after: AdapterNumbers
}

/** Five steps of AdamW on one batch, from a copy of the adapter. */
export async function fiveSteps(model: Computed, adapter: AdapterNumbers): Promise<Trained> {
  const after = new Map([...adapter].map(([name, { dims, data }]) => [name, { dims, data: data.slice() }]))
  const parameters = model.trained.map((name) => ({ name, ...after.get(name)! }))
  const optimizer = createAdamW(adamW)
  const losses: number[] = []
  let first: Readonly<Record<string, Float64Array>> = {}
  for (let step = 0; step < STEPS; step++) {
    const { loss, gradients } = await model.step(after)
    losses.push(loss)
    if (step === 0) first = gradients
    optimizer.step(parameters, gradients)
  }
  return { losses, gradients: first, after }
}

/** Compares all that the reference has. Throws `data` for tensors that do not fit the model. */
export async function compare(
  model: Computed,
  reference: Reference,
  adapter: AdapterNumbers | undefined,
): Promise<Comparison> {
  const where: Partial<Record<keyof Deviations, string>> = {}
  const logits = async (part: "logits" | "adapterLogits", name: string, given: AdapterNumbers) => {
    const found = await model.logits(given)
    const expected = await reference.read(name, found.length)
    const counts = realTokens(model, reference, found.length)
    const worst = furthest(found, expected, counts)
    where[part] = `${name} at ${worst.at}`
    return worst.difference
  }
  const base = await logits("logits", "logits", adapter ? switchedOff(adapter) : new Map())
  if (!adapter)
    return { logits: base, adapterLogits: null, loss: null, gradients: null, steps: null, leftOut: 0, where }
  const adapted = await logits("adapterLogits", "adapter_logits", adapter)
  const { losses, gradients, after } = await fiveSteps(model, adapter)
  let gradient = 0
  // Beside the steps of all elements above the noise of floats those of elements above the noise that the gradients show.
  const [all, clear] = [new Moves(), new Moves()]
  for (const name of model.trained) {
    const found = gradients[name]!
    const expected = await reference.read(`grad.${name}`, found.length)
    const largest = furthest(expected, new Float32Array(expected.length)).difference
    const worst = furthest(found, expected)
    const relative = worst.difference / (largest > 0 ? largest : 1)
    if (!(relative <= gradient)) [gradient, where.gradients] = [relative, `${name} at ${worst.at}`]
    const target = await reference.read(`step5.${name}`, found.length)
    const above = (share: number) => (at: number) => Math.abs(expected[at]!) > share * largest
    all.add(name, after.get(name)!.data, target, above(NOISE))
    clear.add(name, after.get(name)!.data, target, above(Math.min(MOST_NOISE, Math.max(NOISE, CLEAR * relative))))
  }
  const { largest: steps, where: place, leftOut } = all.largest <= TOLERANCES.steps ? all : clear
  where.steps = place
  const loss = reference.loss === undefined ? null : Math.abs(losses[0]! - reference.loss)
  return { logits: base, adapterLogits: adapted, loss, gradients: gradient, steps, leftOut, where }
}

/** How far elements of adapters moved apart. */
class Moves {
  largest = 0
  where = ""
  leftOut = 0

  add(name: string, found: Float64Array, expected: Float32Array, counts: (at: number) => boolean): void {
    const { difference, at } = furthest(found, expected, counts)
    if (!(difference <= this.largest)) [this.largest, this.where] = [difference, `${name} at ${at}`]
    for (let index = 0; index < found.length; index++) if (!counts(index)) this.leftOut++
  }
}

/** The parts past their tolerance. What is no number is past every one. */
export function failures(
  deviations: Deviations,
  tolerances: Readonly<Record<keyof Deviations, number>> = TOLERANCES,
): (keyof Deviations)[] {
  const parts = Object.keys(TOLERANCES) as (keyof Deviations)[]
  return parts.filter((part) => deviations[part] !== null && !(deviations[part] <= tolerances[part]))
}

/** Of decoders the logits of padding are anybody's. */
function realTokens({ kind }: Computed, { batch }: Reference, count: number): (at: number) => boolean {
  const mask = batch.attentionMask
  if (kind !== "decoder" || !mask) return () => true
  const vocabulary = count / mask.length
  return (at) => mask[Math.floor(at / vocabulary)] === 1
}

function furthest(
  found: Float32Array | Float64Array,
  expected: Float32Array,
  counts: (at: number) => boolean = () => true,
): { difference: number; at: number } {
  let [difference, at] = [0, 0]
  for (let index = 0; index < found.length; index++) {
    if (!counts(index)) continue
    const each = Math.abs(found[index]! - expected[index]!)
    if (!(each <= difference)) [difference, at] = [each, index]
    if (Number.isNaN(each)) break
  }
  return { difference, at }
}
