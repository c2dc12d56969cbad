/** Loads T5 models from safetensors and runs them in batches. @module */
import { basename } from "node:path"
import { RankineError } from "../../core/errors.js"
import { createSession, type OnnxSession } from "../../onnx/session.js"
import { outputOf, type Tensor, tensor } from "../../onnx/tensor.js"
import { openSafetensors } from "../checkpoint/safetensors.js"
import { openChecked, probeIds } from "../device-check.js"
import { OUTPUT } from "../encoder/build.js"
import { checksumIn, choosePrecision } from "../encoder/choose-precision.js"
import type { EncoderSettings } from "../encoder/load.js"
import type { Precision } from "../encoder/precision.js"
import { type QueueStats, type ScheduleOptions, Scheduler } from "../scheduler.js"
import { runInSlices, type SlicedResults } from "../scheduler-slices.js"
import { buildT5, type T5Output } from "./build.js"
import { readT5Config, type T5Config } from "./config.js"

/** Where and how a T5 runs; as for encoders, but that `fp16` rounds weights and never computes in half precision, which T5 overflows. */
export type T5Settings = EncoderSettings

export interface T5Options extends T5Settings {
  /** Default `{ kind: "hidden" }`. */
  readonly output?: T5Output
}

/** The tokens of one row, the end token included. */
export interface T5Row {
  readonly ids: readonly number[]
  /** What the decoder reads, the start token first; only for the output `logits`. */
  readonly decoderIds?: readonly number[]
}

/** A T5 in a session; it holds native memory until it is disposed of. */
export interface T5Model extends AsyncDisposable {
  readonly config: T5Config
  readonly output: T5Output
  /** Numbers for each row (`first`) or for each token (`hidden`, `logits`). */
  readonly width: number
  /** Of the weights; with the precision after it where that is not `fp32`. */
  readonly checksum: string
  readonly precision: Precision
  readonly device: OnnxSession["device"]
  readonly deviceReason: string
  /** Where the model's queue stands, and what it has done so far. */
  readonly stats: QueueStats
  /**
   * Runs any number of rows, in batches by length that all calls share, and gives one array for each in their order: `width` numbers, or
   * tokens times `width`. Throws `argument` for rows that are empty or have ids outside the vocabulary.
   */
  run(rows: readonly T5Row[], options?: ScheduleOptions): Promise<Float32Array[]>
  /** The same for rows that `prepare` makes one by one, mostly by tokenizing, without holding this thread for long. */
  runEach(
    count: number,
    prepare: (index: number) => T5Row,
    options?: ScheduleOptions,
  ): Promise<SlicedResults<Float32Array>>
}

/**
 * Loads config.json and the safetensors of a folder as a T5: versions 1.0 and 1.1, Flan-T5, mT5.
 *
 * Float weights are mapped by the session from their own files; they never pass through JavaScript.
 * @throws RankineError `not-found` for missing files, `data` for malformed ones, `model` for what is not supported, `dependency` where
 *   onnxruntime-node or the device asked for is missing
 */
export async function loadT5(folder: string, options: T5Options = {}): Promise<T5Model> {
  const {
    output = { kind: "hidden" },
    batch = {},
    queue = {},
    attention = "fused",
    precision: asked,
    checkDevice = true,
    ...rest
  } = options
  const config = await readT5Config(folder)
  const checkpoint = await openSafetensors(folder)
  const { half: _, ...form } = await choosePrecision(asked, checkpoint, rest)
  const { precision } = form
  const built = await buildT5(config, checkpoint, output, { form: attention, ...form })
  const { model, folder: externalData, width } = built
  const checksum = await checksumIn(precision, checkpoint)

  const runOn = async (onnx: OnnxSession, rows: readonly T5Row[], signal?: AbortSignal): Promise<Float32Array[]> => {
    const feeds = feedsOf(rows, config, output.kind === "logits")
    const outputs = await onnx.run(feeds, { outputs: [OUTPUT], transfer: true, ...(signal ? { signal } : {}) })
    const { data, dims } = outputOf(outputs, OUTPUT, "float32")
    const each = data.length / dims[0]
    return rows.map((row, index) => data.subarray(index * each, index * each + width * tokensOut(row, output)))
  }
  const onnx = await openChecked({
    name: basename(folder),
    key: `${checksum} ${JSON.stringify(output)} ${precision} ${attention}`,
    choice: rest.device,
    checkDevice,
    rounds: precision !== "fp32",
    open: (device) => createSession(model, { ...rest, ...(device === undefined ? {} : { device }), externalData }),
    run: (each) => {
      const decoderIds = [config.startId, 5, 6]
      const probes = probeIds(config.vocabulary, 9).map((ids) => ({
        ids,
        ...(output.kind === "logits" ? { decoderIds } : {}),
      }))
      return runOn(each, probes)
    },
  })
  const runBatch = (rows: readonly T5Row[], signal: AbortSignal) => runOn(onnx, rows, signal)
  const scheduler = new Scheduler(runBatch, { ...queue, limits: batch, workers: rest.workers ?? 1 })
  const runEach = (count: number, make: (index: number) => T5Row, runOptions: ScheduleOptions = {}) => {
    const prepare = (index: number) => checked(make(index), index, config, output)
    const runSlice = (slice: readonly T5Row[], sliceOptions: ScheduleOptions) => {
      const lengths = slice.map(({ ids }) => ids.length)
      // A copy, so that keeping one row does not keep the whole batch.
      return scheduler.run(slice, lengths, (values) => values.slice(), sliceOptions)
    }
    return runInSlices(count, prepare, runSlice, runOptions)
  }
  return {
    config,
    output,
    width,
    checksum,
    precision,
    device: onnx.device,
    deviceReason: onnx.deviceReason,
    get stats() {
      return scheduler.stats
    },
    run: async (rows, runOptions) => (await runEach(rows.length, (index) => rows[index], runOptions)).results,
    runEach,
    async [Symbol.asyncDispose]() {
      scheduler.close()
      await onnx[Symbol.asyncDispose]()
    },
  }
}

/** For how many tokens of a row there are numbers. */
function tokensOut({ ids, decoderIds = [] }: T5Row, { kind }: T5Output): number {
  return kind === "first" ? 1 : kind === "hidden" ? ids.length : decoderIds.length
}

function feedsOf(rows: readonly T5Row[], { padId }: T5Config, withDecoder: boolean): Record<string, Tensor> {
  const [input_ids, attention_mask] = padded(
    rows.map(({ ids }) => ids),
    padId,
  )
  if (!withDecoder) return { input_ids, attention_mask }
  // The decoder looks back only: padding behind a row changes nothing in it.
  const [decoder_input_ids] = padded(
    rows.map(({ decoderIds = [] }) => decoderIds),
    padId,
  )
  return { input_ids, attention_mask, decoder_input_ids }
}

/** int32 ids [rows, longest], padded on the right, and their mask. */
export function padded(rows: readonly (readonly number[])[], padId: number): [ids: Tensor, mask: Tensor] {
  const length = rows.reduce((longest, ids) => Math.max(longest, ids.length), 0)
  const all = new Int32Array(rows.length * length).fill(padId)
  const mask = new Int32Array(rows.length * length)
  rows.forEach((ids, index) => {
    all.set(ids, index * length)
    mask.fill(1, index * length, index * length + ids.length)
  })
  const dims = [rows.length, length]
  return [tensor("int32", all, dims), tensor("int32", mask, dims)]
}

function checked(row: T5Row, index: number, config: T5Config, output: T5Output): T5Row {
  const { ids, decoderIds = [] } = row
  checkIds(ids, `row ${index}`, config)
  if (output.kind === "logits") checkIds(decoderIds, `the decoder's row ${index}`, config)
  return row
}

/** A wrong id would read foreign memory or fail with a message about a graph's node. */
export function checkIds(ids: readonly number[], what: string, { vocabulary }: T5Config): void {
  if (ids.length === 0)
    throw new RankineError("argument", `${what} has no tokens: give at least the end or start token`)
  for (const id of ids)
    if (!(id >= 0 && id < vocabulary && Number.isInteger(id)))
      throw new RankineError(
        "argument",
        `${what} has token id ${id} outside the vocabulary of ${vocabulary}: tokenizer and model do not belong together`,
      )
}
