/** A model that is ready to be trained. @module */
import { RankineError } from "../../core/errors.js"
import { type Graph, modelOf } from "../../onnx/ir.js"
import { encodeModel } from "../../onnx/protobuf.js"
import { createSession, type OnnxSession, type SessionOptions } from "../../onnx/session.js"
import { outputOf, type Tensor, tensor } from "../../onnx/tensor.js"
import { type DecoderSource, openDecoder } from "../decoder/open.js"
import { batchFeeds, inputNames, labelFeeds, type TrainingBatch } from "./batch.js"
import { buildTrainingGraph, gradientName, type TrainingGraph, type TrainingGraphOptions } from "./build.js"

export interface TrainingModelOptions
  extends TrainingGraphOptions,
    Omit<SessionOptions, "externalData" | "workers" | "dimensions"> {}

/** An adapter's tensors by the names of the graph's inputs; what is left out is zeros, which for LoRA adds nothing. */
export type AdapterTensors = Readonly<Record<string, Tensor>>

export interface TrainingStep {
  readonly loss: number
  /** For each trained input its gradient, in the input's shape. */
  readonly gradients: Readonly<Record<string, Float32Array>>
}

export interface RunOptions {
  readonly signal?: AbortSignal
}

export interface TrainingModel extends AsyncDisposable {
  readonly kind: TrainingGraph["kind"]
  /** The layers with an adapter. */
  readonly layers: TrainingGraph["layers"]
  /** The inputs with a gradient. */
  readonly trained: readonly string[]
  readonly vocabulary: number
  readonly device: OnnxSession["device"]
  readonly deviceReason: string
  /**
   * The loss of a batch, and its gradients. Nothing is changed: what follows from the gradients is an optimizer's business.
   * @throws RankineError `argument` for batches and adapters that do not fit the model, `model` where the run fails
   */
  step(batch: TrainingBatch, adapter: AdapterTensors, options?: RunOptions): Promise<TrainingStep>
  /** The loss alone, without the backward pass. */
  loss(batch: TrainingBatch, adapter?: AdapterTensors, options?: RunOptions): Promise<number>
  /** All logits, float32: decoders [rows, length, vocabulary], encoders [rows, labels], encoder-decoders [rows, steps, vocabulary]. */
  logits(batch: TrainingBatch, adapter?: AdapterTensors, options?: RunOptions): Promise<Tensor>
}

/**
 * Loads a folder with config.json and safetensors, a GGUF file, or an open checkpoint, for training: decoders, encoders with a
 * classification head, T5. Float weights are mapped by the session from their own files.
 * @throws RankineError as `buildTrainingGraph`, and `not-found` for missing files, `dependency` where the device asked for is missing
 * @example
 * await using model = await loadTrainingModel("SmolLM2-135M")
 * const { loss, gradients } = await model.step(batch, adapter)
 */
export async function loadTrainingModel(
  source: string | DecoderSource,
  options: TrainingModelOptions = {},
): Promise<TrainingModel> {
  const { modules, slot, trains, recompute, chunk, prepare, ...rest } = options
  const graphOptions = definedOf({ modules, slot, trains, recompute, chunk, prepare })
  const opened = typeof source === "string" ? await openTrainable(source) : source
  const build = () => buildTrainingGraph(opened, graphOptions)
  const built = await build()
  const bytes = (graph: Graph) => encodeModel(modelOf(graph))
  let first: Uint8Array | undefined = bytes(built.graph)
  const model = async () => {
    const made = first ?? bytes((await build()).graph)
    first = undefined
    return made
  }
  const { kind, folder, layers, trained, vocabulary, labels, types } = built
  const adapterInputs = new Set(built.adapterInputs)
  const session = await createSession(model, { ...rest, externalData: folder })

  const run = async (
    batch: TrainingBatch,
    adapter: AdapterTensors,
    outputs: readonly string[],
    withLabels: boolean,
    signal: AbortSignal | undefined,
  ) => {
    const form = { labels, types, vocabulary }
    const given = withLabels ? labelFeeds(batch, form) : blankLabels(batch, labels)
    const feeds = { ...batchFeeds(batch, form), ...given, ...adapterFeeds(session, adapterInputs, adapter) }
    return session.run(feeds, signal === undefined ? { outputs } : { outputs, signal })
  }
  const lossIn = (outputs: Readonly<Record<string, Tensor>>) => outputOf(outputs, "loss", "float32").data[0]!
  return {
    kind,
    layers,
    trained,
    vocabulary,
    device: session.device,
    deviceReason: session.deviceReason,
    async step(batch, adapter, { signal } = {}) {
      const outputs = await run(batch, adapter, ["loss", ...trained.map(gradientName)], true, signal)
      const found = trained.map((name) => [name, outputOf(outputs, gradientName(name), "float32").data] as const)
      return { loss: lossIn(outputs), gradients: Object.fromEntries(found) }
    },
    loss: async (batch, adapter = {}, { signal } = {}) => lossIn(await run(batch, adapter, ["loss"], true, signal)),
    logits: async (batch, adapter = {}, { signal } = {}) =>
      outputOf(await run(batch, adapter, ["logits"], false, signal), "logits", "float32"),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}

/** Opens a folder or GGUF file. Throws `argument` for a graph that others exported: it is imported and differentiated as it is. */
export async function openTrainable(path: string): Promise<DecoderSource> {
  const opened = await openDecoder(path)
  if (!("graph" in opened)) return opened
  throw new RankineError(
    "argument",
    `${opened.graph} is an exported graph, whose adapters are not known: give the model's safetensors or GGUF file`,
  )
}

/** Zeros for what the adapter leaves out, of its rank where it has the other half. Throws `argument` for inputs that the graph has not. */
function adapterFeeds(
  session: OnnxSession,
  inputs: ReadonlySet<string>,
  adapter: AdapterTensors,
): Record<string, Tensor> {
  const odd = Object.keys(adapter).find((name) => !inputs.has(name))
  if (odd !== undefined)
    throw new RankineError("argument", `the model has no slot ${odd} for an adapter's tensor; it has ${[...inputs][0]}`)
  const slots = session.inputs.filter(({ name }) => inputs.has(name))
  const ranks = new Map<string, number>()
  for (const { name, dims } of slots)
    for (const [axis, size] of dims.entries())
      if (typeof size === "string" && adapter[name]) ranks.set(size, adapter[name].dims[axis] ?? 1)
  const feeds: Record<string, Tensor> = {}
  for (const { name, dims } of slots) {
    const sizes = dims.map((size) => (typeof size === "number" ? size : (ranks.get(size) ?? 1)))
    const zeros = () => tensor("float32", new Float32Array(sizes.reduce((product, size) => product * size, 1)), sizes)
    feeds[name] = adapter[name] ?? zeros()
  }
  return feeds
}

/** The graph takes labels even where only logits are asked for. */
function blankLabels(
  { rows, length, steps = 0 }: TrainingBatch,
  form: TrainingGraph["labels"],
): Record<string, Tensor> {
  if (form === "probability") return { [inputNames.labels]: tensor("float32", new Float32Array(rows), [rows]) }
  const dims = [rows, form === "next token" ? length : steps]
  return { [inputNames.labels]: tensor("int32", new Int32Array(dims[0]! * dims[1]!).fill(-100), dims) }
}

/** Without what is undefined, for options that may be missing and not undefined. */
function definedOf<Given extends object>(given: Given): { [Key in keyof Given]?: Exclude<Given[Key], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never
}
