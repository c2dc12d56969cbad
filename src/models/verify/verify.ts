/** Checks a model against its reference, or writes one. @module */
import { RankineError } from "../../core/errors.js"
import type { DeviceChoice } from "../../onnx/settings.js"
import { peftConfigOf, writePeftAdapter } from "../checkpoint/write-peft.js"
import type { DecoderSource } from "../decoder/open.js"
import { buildTrainingGraph, openTrainable } from "../training-graph/index.js"
import { inventedLayers, readAdapter, type VerifiedAdapter } from "./adapter.js"
import { type Arithmetic, compute } from "./arithmetic.js"
import { type Comparison, compare, type Deviations, failures, TOLERANCES } from "./compare.js"
import { exists, openReference, placesOf, type Reference, type ReferencePlaces } from "./reference.js"
import { inventedBatch, writeReference } from "./write-reference.js"

export interface VerifyOptions {
  /** On another device than the CPU all is computed in float32, as there is nothing else. Default `cpu`. */
  readonly device?: DeviceChoice
  readonly threads?: number
  readonly onProgress?: (what: string) => void
}

/** What `verifyModel` found. */
export interface Verification extends Deviations {
  readonly ok: boolean
  /** The parts past their tolerance. */
  readonly failed: readonly (keyof Deviations)[]
  readonly where: Comparison["where"]
  /** Elements not compared after the steps, since their gradient is below a millionth of their tensor's largest. */
  readonly leftOutElements: number
  /** What the numbers above were computed in. */
  readonly arithmetic: Arithmetic
  /** The same in float32, as the model is used. */
  readonly float32: Deviations
  readonly tolerances: typeof TOLERANCES
  readonly float32Tolerances: Readonly<Record<keyof Deviations, number>>
  readonly device: string
  readonly reference: string
  /** There was no reference: this one was written, and then compared with. */
  readonly written: boolean
}

/** Models with more weights than this are not computed with PyTorch's own order of additions, whose graphs are long. */
const SMALL = 20_000_000

/**
 * Recomputes what a model's reference says: logits, logits with the adapter, loss, gradients of the adapter, five steps of AdamW. Where
 * there is no reference one is written from what is computed (and an adapter, where there is none), to be compared with from then on.
 *
 * A reference is numbers that others rounded. On the CPU the model is computed in float64, first with the roundings that PyTorch makes in
 * float32 even there, and where that does not agree without them, and in float32; the first that agrees counts. Float32 is computed in any
 * case, and held to what float32 can: logits within 1e-4 of the largest, gradients within 1e-2.
 * @throws RankineError `data` naming tensor and file for a reference that does not fit the model, and as `loadTrainingModel`
 */
export async function verifyModel(path: string, options: VerifyOptions = {}): Promise<Verification> {
  const source = await openTrainable(path)
  const places = placesOf(path)
  const device = options.device ?? "cpu"
  const run = { device, ...(options.threads === undefined ? {} : { threads: options.threads }) }
  const weights = [...source.checkpoint.tensors.values()].reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  )
  const exact: Arithmetic[] = weights <= SMALL ? ["float64-torch", "float64"] : ["float64"]
  const arithmetics: Arithmetic[] = device === "cpu" ? [...exact, "float32"] : ["float32"]
  const written = !(await exists(places.tensors))
  if (written) {
    options.onProgress?.(`writing ${places.tensors}`)
    await pin(source, places, arithmetics[0]!, weights <= SMALL ? [18, 17, 21] : [9, 7, 11], run)
  }
  const reference = await openReference(places)
  const adapter = await adapterOf(reference, places)
  const found = new Map<Arithmetic, Comparison>()
  let used = device
  const measure = async (arithmetic: Arithmetic): Promise<Comparison> => {
    options.onProgress?.(`computing in ${arithmetic}`)
    await using model = await compute(source, arithmetic, {
      ...run,
      modules: adapter?.modules ?? [],
      batch: reference.batch,
    })
    used = model.device as DeviceChoice
    const comparison = await compare(model, reference, adapter?.numbers)
    found.set(arithmetic, comparison)
    return comparison
  }
  for (const arithmetic of arithmetics) if (failures(await measure(arithmetic)).length === 0) break
  const best = [...found].reduce((a, b) => (failures(b[1]).length < failures(a[1]).length ? b : a))
  const float32 = found.get("float32") ?? (await measure("float32"))
  const [arithmetic, comparison] = best
  const { leftOut, where, ...deviations } = comparison
  const bounds = await float32Tolerances(reference)
  const failed = failures(deviations)
  const rough = failures(deviationsOf(float32), bounds)
  return {
    ...deviations,
    ok: failed.length === 0 && rough.length === 0,
    failed: [...new Set([...failed, ...rough])],
    where: rough.length > 0 && failed.length === 0 ? float32.where : where,
    leftOutElements: leftOut,
    arithmetic,
    float32: deviationsOf(float32),
    tolerances: TOLERANCES,
    float32Tolerances: bounds,
    device: used,
    reference: places.tensors,
    written,
  }
}

function deviationsOf({ logits, adapterLogits, loss, gradients, steps }: Deviations): Deviations {
  return { logits, adapterLogits, loss, gradients, steps }
}

/** Steps magnify the rounding of small gradients without bound: in float32 they are told, not judged. */
async function float32Tolerances({ largestLogit }: Reference): Promise<Record<keyof Deviations, number>> {
  const logits = 1e-4 * Math.max(1, await largestLogit())
  return { logits, adapterLogits: logits, loss: logits, gradients: 1e-2, steps: Number.POSITIVE_INFINITY }
}

async function adapterOf(reference: Reference, places: ReferencePlaces): Promise<VerifiedAdapter | undefined> {
  if (!reference.hasAdapter) return undefined
  if (!(await exists(places.adapter)))
    throw new RankineError(
      "not-found",
      `${reference.path} tells of an adapter, and ${places.adapter} is missing: put the adapter's folder there`,
    )
  const adapter = await readAdapter(places.adapter)
  for (const name of reference.trained)
    if (!adapter.numbers.has(name))
      throw new RankineError(
        "data",
        `${reference.path}: tensor grad.${name} is of no tensor of the adapter in ${places.adapter}; make the reference again`,
      )
  return adapter
}

async function pin(
  source: DecoderSource,
  places: ReferencePlaces,
  arithmetic: Arithmetic,
  lengths: readonly number[],
  run: { device: DeviceChoice; threads?: number },
): Promise<void> {
  const { kind, layers, vocabulary } = await buildTrainingGraph(source)
  if (!(await exists(places.adapter))) {
    const made = inventedLayers(layers)
    await writePeftAdapter(places.adapter, { config: peftConfigOf(made), layers: made, saved: new Map() })
  }
  const { modules, numbers } = await readAdapter(places.adapter)
  const id = (name: string) => (typeof source.config[name] === "number" ? (source.config[name] as number) : 0)
  const ids = { padId: id("pad_token_id"), startId: id("decoder_start_token_id") }
  const batch = inventedBatch(kind, vocabulary, lengths, ids)
  await using model = await compute(source, arithmetic, { ...run, modules, batch })
  await writeReference(places, model, batch, numbers, arithmetic)
}
