/** Pins a model's behaviour: writes the reference that later runs are compared with. @module */
import { writeFile } from "node:fs/promises"
import { RankineError } from "../../core/errors.js"
import { Random } from "../../core/random.js"
import { bytesOf } from "../../onnx/data-type.js"
import { type TensorToWrite, writeSafetensors } from "../checkpoint/write-safetensors.js"
import type { TrainableKind, TrainingBatch } from "../training-graph/index.js"
import type { AdapterNumbers, Arithmetic, Computed } from "./arithmetic.js"
import { fiveSteps, switchedOff } from "./compare.js"
import { exists, type ReferencePlaces } from "./reference.js"

/** Token ids below this are special in most vocabularies. */
const FIRST_ID = 5
const DECODER_STEPS = 4

/** Rows of different lengths with tokens drawn at random, and labels as make_reference.py makes them. The same for the same model. */
export function inventedBatch(
  kind: TrainableKind,
  vocabulary: number,
  lengths: readonly number[],
  { padId, startId }: { readonly padId: number; readonly startId: number },
): TrainingBatch {
  const [rows, length] = [lengths.length, Math.max(...lengths)]
  const random = new Random(0, "reference")
  const draw = () => FIRST_ID + random.integer(vocabulary - FIRST_ID)
  const inputIds = Int32Array.from({ length: rows * length }, draw)
  const attentionMask = new Int32Array(rows * length)
  for (const [row, count] of lengths.entries()) {
    attentionMask.fill(1, row * length, row * length + count)
    inputIds.fill(padId, row * length + count, (row + 1) * length)
  }
  const batch = { rows, length, inputIds, attentionMask }
  if (kind === "encoder") return { ...batch, labels: Float32Array.from(lengths, (_, row) => row % 2) }
  if (kind === "t5") {
    const decoderInputIds = Int32Array.from({ length: rows * DECODER_STEPS }, draw)
    for (let row = 0; row < rows; row++) decoderInputIds[row * DECODER_STEPS] = startId
    const labels = Int32Array.from({ length: rows * DECODER_STEPS }, draw)
    return { ...batch, decoderInputIds, steps: DECODER_STEPS, labels }
  }
  const first = Math.floor(Math.min(...lengths) / 2)
  return { ...batch, labels: inputIds.map((id, at) => (attentionMask[at] === 0 || at % length < first ? -100 : id)) }
}

/** Computes and writes everything that `openReference` reads. Throws `storage` where a file cannot be written. */
export async function writeReference(
  places: ReferencePlaces,
  model: Computed,
  batch: TrainingBatch,
  adapter: AdapterNumbers,
  arithmetic: Arithmetic,
): Promise<void> {
  const { rows, length, steps = 0, inputIds, attentionMask, decoderInputIds, labels } = batch
  const tensors: TensorToWrite[] = []
  const integers = (name: string, values: ArrayLike<number>, shape: readonly number[]) =>
    tensors.push({ name, dtype: "I64", shape, bytes: () => bytesOf(BigInt64Array.from(Array.from(values), BigInt)) })
  const floats = (name: string, values: ArrayLike<number>, shape: readonly number[]) =>
    tensors.push({ name, dtype: "F32", shape, bytes: () => bytesOf(Float32Array.from(values)) })
  integers("input_ids", inputIds, [rows, length])
  integers("attention_mask", attentionMask!, [rows, length])
  if (decoderInputIds) integers("decoder_input_ids", decoderInputIds, [rows, steps])
  if (model.kind === "encoder") floats("labels", labels!, [rows])
  else integers("labels", labels!, [rows, model.kind === "t5" ? steps : length])
  const places3 = (count: number) => (model.kind === "encoder" ? [rows, count / rows] : three(count))
  const three = (count: number) => {
    const places = model.kind === "t5" ? steps : length
    return [rows, places, count / rows / places]
  }
  const base = await model.logits(switchedOff(adapter))
  floats("logits", base, places3(base.length))
  const adapted = await model.logits(adapter)
  floats("adapter_logits", adapted, places3(adapted.length))
  const { losses, gradients, after } = await fiveSteps(model, adapter)
  for (const name of model.trained) {
    floats(`grad.${name}`, gradients[name]!, adapter.get(name)!.dims)
    floats(`step5.${name}`, after.get(name)!.data, adapter.get(name)!.dims)
  }
  await writeSafetensors(places.tensors, tensors, { loss: String(losses[0]), writer: "rankine", arithmetic })
  // A file of that name that others wrote stays as it is: the loss is in the tensors' header too.
  if (await exists(places.numbers)) return
  const numbers = { kind: model.kind, loss: losses[0], losses, writer: "rankine", arithmetic }
  try {
    await writeFile(places.numbers, `${JSON.stringify(numbers, null, 1)}\n`)
  } catch (cause) {
    throw new RankineError("storage", `${places.numbers} cannot be written: ${(cause as Error).message}`, { cause })
  }
}
