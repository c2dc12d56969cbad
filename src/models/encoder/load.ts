/** Loads encoders from safetensors or exported graphs, and runs them in batches. @module */
import { basename } from "node:path"
import { RankineError } from "../../core/errors.js"
import { createSession, type OnnxSession, type SessionOptions } from "../../onnx/session.js"
import { outputOf, type Tensor, tensor } from "../../onnx/tensor.js"
import type { BatchLimits } from "../batching.js"
import { type DeviceCheckOptions, openChecked, probeIds } from "../device-check.js"
import type { MemoryOptions } from "../memory-budget.js"
import { encoderSource } from "../onnx-encoder-source.js"
import type { OnnxChoice } from "../onnx-files.js"
import { type QueueOptions, type QueueStats, type ScheduleOptions, Scheduler } from "../scheduler.js"
import { runInSlices } from "../scheduler-slices.js"
import type { AttentionForm } from "./attention-form.js"
import { type EncoderOutput, isPerToken, OUTPUT } from "./build.js"
import type { EncoderConfig } from "./config.js"
import type { Precision } from "./precision.js"

/** Where and how an encoder runs. */
export interface EncoderSettings
  extends Omit<SessionOptions, "externalData">,
    OnnxChoice,
    MemoryOptions,
    DeviceCheckOptions {
  /** Limits of the batches that larger requests are split into. */
  readonly batch?: BatchLimits
  /** The queue that all who ask this model share. */
  readonly queue?: QueueOptions
  /** Default `fused`. */
  readonly attention?: AttentionForm
  /** Bits of weights and arithmetic. Default: `fp32`, and `int8` for a checkpoint whose matrices are 8-bit integers. */
  readonly precision?: Precision
}

export interface EncoderOptions extends EncoderSettings {
  /** Default `{ kind: "hidden" }`. */
  readonly output?: EncoderOutput
}

/** The tokens of one row, special ones included. */
export interface EncoderRow {
  readonly ids: readonly number[]
  /** Which text each token belongs to. Default: all the first. Ignored by models without token types. */
  readonly typeIds?: readonly number[]
  /** Only so many of the tokens, the first ones, are looked at by the others. Default: all. */
  readonly attended?: number
}

export type EncoderRunOptions = ScheduleOptions

/** An encoder in a session; it holds native memory until it is disposed of. */
export interface EncoderModel extends AsyncDisposable {
  readonly config: EncoderConfig
  readonly output: EncoderOutput
  /** Numbers for each row, or for each token with the outputs `hidden` and `tokens`. */
  readonly width: number
  /** Most tokens of a row. */
  readonly maxLength: number
  /** Of the weights; with the precision after it where that is not `fp32`. */
  readonly checksum: string
  readonly precision: Precision
  readonly device: OnnxSession["device"]
  readonly deviceReason: string
  /** Where the model's queue stands, and what it has done so far. */
  readonly stats: QueueStats
  /**
   * Runs any number of rows, in batches by length that all calls share, and gives one array for each in their order: `width` numbers, or
   * tokens times `width` with the outputs `hidden` and `tokens`. Throws `argument` for rows that are empty, too long, or have ids outside the vocabulary.
   */
  run(rows: readonly EncoderRow[], options?: EncoderRunOptions): Promise<Float32Array[]>
  /** The same, with each array turned into something smaller as soon as it is there. It is a view of the whole batch: copy what is kept. */
  run<Result>(
    rows: readonly EncoderRow[],
    options: EncoderRunOptions,
    convert: (values: Float32Array) => Result,
  ): Promise<Result[]>
}

/**
 * Loads config.json and the safetensors of a folder as an encoder: BERT (MiniLM), RoBERTa (XLM-R), DistilBERT, MPNet, ModernBERT; or an
 * exported ONNX graph of any encoder (`encoderSource` says which of the two).
 *
 * Float weights are mapped by the session from their own files; they never pass through JavaScript. Quantised ones are part of the graph.
 * @throws RankineError `not-found` for missing files, `data` for malformed ones, `model` for what is not supported, `dependency` where
 *   onnxruntime-node or the device asked for is missing; `model` where that device gives other numbers than the CPU
 */
export async function loadEncoder(folder: string, options: EncoderOptions = {}): Promise<EncoderModel> {
  const {
    output = { kind: "hidden" },
    batch = {},
    queue = {},
    attention = "fused",
    precision: asked,
    checkDevice = true,
    ...session
  } = options
  const source = await encoderSource(folder, output, { ...session, attention, precision: asked }, session)
  const { config, model, folder: externalData, width, withTypes, precision, checksum } = source
  const { maxLength } = config
  const perToken = isPerToken(output)

  const runOn = async (
    onnx: OnnxSession,
    rows: readonly EncoderRow[],
    signal?: AbortSignal,
  ): Promise<Float32Array[]> => {
    const length = rows[0].ids.length
    const feeds = feedsOf(rows, length, config, withTypes)
    const outputs = await onnx.run(feeds, { outputs: [OUTPUT], transfer: true, ...(signal ? { signal } : {}) })
    const { data } = outputOf(outputs, OUTPUT, "float32")
    return rows.map(({ ids }, row) => {
      const at = row * (perToken ? length * width : width)
      return data.subarray(at, at + (perToken ? ids.length * width : width))
    })
  }
  const onnx = await openChecked({
    name: basename(folder),
    key: `${checksum} ${JSON.stringify(output)} ${precision} ${attention}`,
    choice: session.device,
    checkDevice,
    rounds: precision !== "fp32",
    open: (device) => createSession(model, { ...session, ...(device === undefined ? {} : { device }), externalData }),
    run: (each) =>
      runOn(
        each,
        probeIds(config.vocabulary, maxLength).map((ids) => ({ ids })),
      ),
  })
  const runBatch = (rows: readonly EncoderRow[], signal: AbortSignal) => runOn(onnx, rows, signal)
  const scheduler = new Scheduler(runBatch, { ...queue, limits: batch, workers: session.workers ?? 1 })
  // Copies by default, so that keeping one row does not keep the whole batch.
  const copy = (values: Float32Array): Float32Array => values.slice()
  async function run(rows: readonly EncoderRow[], options?: EncoderRunOptions): Promise<Float32Array[]>
  async function run<Result>(
    rows: readonly EncoderRow[],
    options: EncoderRunOptions,
    convert: (values: Float32Array) => Result,
  ): Promise<Result[]>
  async function run(
    rows: readonly EncoderRow[],
    options: EncoderRunOptions = {},
    convert: (values: Float32Array) => unknown = copy,
  ): Promise<unknown[]> {
    const prepare = (index: number) => checked(rows[index], index, config)
    const runSlice = (slice: readonly EncoderRow[], sliceOptions: ScheduleOptions) => {
      const lengths = slice.map(({ ids }) => ids.length)
      return scheduler.run(slice, lengths, convert, sliceOptions)
    }
    return (await runInSlices(rows.length, prepare, runSlice, options)).results
  }
  return {
    config,
    output,
    width,
    maxLength,
    checksum,
    precision,
    device: onnx.device,
    deviceReason: onnx.deviceReason,
    get stats() {
      return scheduler.stats
    },
    run,
    async [Symbol.asyncDispose]() {
      scheduler.close()
      await onnx[Symbol.asyncDispose]()
    },
  }
}

function feedsOf(
  rows: readonly EncoderRow[],
  length: number,
  { padId }: EncoderConfig,
  withTypes: boolean,
): Record<string, Tensor> {
  const dims = [rows.length, length]
  const ids = new Int32Array(rows.length * length).fill(padId)
  const mask = new Int32Array(rows.length * length)
  const types = new Int32Array(withTypes ? rows.length * length : 0)
  rows.forEach((row, index) => {
    const at = index * length
    ids.set(row.ids, at)
    mask.fill(1, at, at + (row.attended ?? row.ids.length))
    if (withTypes && row.typeIds) types.set(row.typeIds, at)
  })
  const feeds: Record<string, Tensor> = {
    input_ids: tensor("int32", ids, dims),
    attention_mask: tensor("int32", mask, dims),
  }
  if (withTypes) feeds.token_type_ids = tensor("int32", types, dims)
  return feeds
}

/** A wrong id would read foreign memory or fail with a message about a graph's node. */
function checked(row: EncoderRow, index: number, config: EncoderConfig): EncoderRow {
  const { ids, typeIds } = row
  const refuse = (what: string) => new RankineError("argument", `row ${index} ${what}`)
  if (ids.length === 0) throw refuse("has no tokens: encode texts with their special tokens")
  if (ids.length > config.maxLength)
    throw refuse(`has ${ids.length} tokens; this model reads ${config.maxLength}: encode with maxLength`)
  for (const id of ids)
    if (!(id >= 0 && id < config.vocabulary && Number.isInteger(id)))
      throw refuse(
        `has token id ${id} outside the vocabulary of ${config.vocabulary}: tokenizer and model do not belong together`,
      )
  if (typeIds === undefined || config.tokenTypes <= 1) return row
  if (typeIds.length !== ids.length) throw refuse(`has ${ids.length} tokens and ${typeIds.length} token types`)
  if (typeIds.some((type) => !(type >= 0 && type < config.tokenTypes && Number.isInteger(type))))
    throw refuse(`has token types outside 0 to ${config.tokenTypes - 1}`)
  return row
}
