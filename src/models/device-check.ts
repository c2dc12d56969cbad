/** Whether a device gives a model's numbers as the CPU does: looked at when a model is loaded there for the first time. @module */
import { RankineError, toRankineError } from "../core/errors.js"
import type { OnnxSession } from "../onnx/session.js"
import type { Device, DeviceChoice } from "../onnx/settings.js"

export interface DeviceCheckOptions {
  /**
   * Run a few tokens on the device and on the CPU, and refuse a device that gives other numbers (with `device: "auto"`: take the CPU). Once
   * for each model and device in a process; the model is loaded on the CPU too for that moment. Default true.
   */
  readonly checkDevice?: boolean
}

/** What is loaded on a device, and can be let go of. */
export interface OnDevice extends AsyncDisposable {
  readonly device: OnnxSession["device"]
  readonly deviceReason: string
}

export interface DeviceProbe<Model extends OnDevice> extends DeviceCheckOptions {
  /** For messages. */
  readonly name: string
  /** The same for the same weights and graph: what passed once is not looked at again. */
  readonly key: string
  readonly choice: DeviceChoice | undefined
  /** Halves or integers: their rounding differs between devices by more than that of float32. */
  readonly rounds: boolean
  open(device: DeviceChoice | undefined): Promise<Model>
  /** Results for a few tokens, always the same. */
  run(model: Model): Promise<readonly Float32Array[]>
}

/**
 * The largest difference allowed, of the largest number. Graphics cards sum in another order and approximate functions; CUDA's matrix units
 * keep 10 bits of what they multiply (TF32). A fault is larger by far.
 */
const TOLERANCE: Readonly<Record<Device, number>> = { cpu: 0, webgpu: 2e-3, cuda: 1e-2 }
const ROUNDED_TOLERANCE = 5e-2

const passed = new Map<string, number>()

/** How far a device was off when a model was checked there, of the model's largest number; undefined where it was not. */
export function deviceDifference(device: Device, key: string): number | undefined {
  return passed.get(`${device} ${key}`)
}

/**
 * Opens a model and compares its device with the CPU.
 * @throws RankineError `model` where the device fails or gives other numbers, and was asked for by name; whatever `open` throws
 */
export async function openChecked<Model extends OnDevice>(probe: DeviceProbe<Model>): Promise<Model> {
  const { name, key, choice, checkDevice = true } = probe
  const model = await probe.open(choice)
  const { device } = model
  if (device === "cpu" || !checkDevice || passed.has(`${device} ${key}`)) return model
  try {
    passed.set(`${device} ${key}`, await compare(model, probe))
    return model
  } catch (thrown) {
    await model[Symbol.asyncDispose]()
    const error = toRankineError(thrown, "model")
    if (error.code !== "model") throw error
    const why = `${device} cannot be trusted with ${name}: ${error.message}`
    if (choice !== "auto" && choice !== undefined)
      throw new RankineError(
        "model",
        `${why}. Load it with device "cpu", with another precision, or, to have these numbers, with checkDevice: false`,
        { cause: thrown, details: { ...error.details, device } },
      )
    return Object.assign(await probe.open("cpu"), { deviceReason: `auto: ${why}` })
  }
}

async function compare<Model extends OnDevice>(model: Model, probe: DeviceProbe<Model>): Promise<number> {
  const given = await probe.run(model)
  const reference = await probe.open("cpu")
  let wanted: readonly Float32Array[]
  try {
    wanted = await probe.run(reference)
  } finally {
    await reference[Symbol.asyncDispose]()
  }
  const difference = largestDifference(given, wanted)
  const allowed = probe.rounds ? ROUNDED_TOLERANCE : TOLERANCE[model.device]
  if (difference <= allowed) return difference
  throw new RankineError(
    "model",
    `its numbers differ from the CPU's by ${difference.toPrecision(2)} of the largest, where ${allowed} is allowed`,
    { details: { difference, allowed } },
  )
}

/** Of the largest number; infinite where one of the two is no number, or where there are more of one. */
function largestDifference(given: readonly Float32Array[], wanted: readonly Float32Array[]): number {
  let [difference, largest] = [0, 0]
  for (const [row, numbers] of wanted.entries()) {
    const others = given[row]
    if (others?.length !== numbers.length) return Number.POSITIVE_INFINITY
    for (const [index, value] of numbers.entries()) {
      const off = Math.abs(value - others[index]!)
      if (!Number.isFinite(off)) return Number.POSITIVE_INFINITY
      difference = Math.max(difference, off)
      largest = Math.max(largest, Math.abs(value))
    }
  }
  return given.length === wanted.length ? difference / Math.max(largest, 1e-30) : Number.POSITIVE_INFINITY
}

/** Ids of tokens that every vocabulary has, in rows of several lengths. */
export function probeIds(vocabulary: number, longest: number): number[][] {
  const ids = Math.min(vocabulary, 30)
  return [9, 3, 6].map((length, row) =>
    Array.from({ length: Math.min(length, longest) }, (_, at) => (at * 7 + row * 11 + 5) % ids),
  )
}
