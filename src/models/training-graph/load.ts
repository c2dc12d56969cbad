/** A model that is ready to be trained. @module */
import { RankineError } from "../../core/errors.js"
import { modelOf } from "../../onnx/ir.js"
import { encodeModel } from "../../onnx/protobuf.js"
import { createSession, type OnnxSession, type SessionOptions } from "../../onnx/session.js"
import { outputOf, type Tensor, tensor } from "../../onnx/tensor.js"
import { type DecoderSource, openDecoder } from "../decoder/open.js"
import { batchFeeds, inputNames, labelFeeds, type TrainingBatch } from "./batch.js"
import { buildTrainingGraph, gradientName, type TrainingGraph, type TrainingGraphOptions } from "./build.js"
import { onDemand } from "./on-demand.js"
import { onlyOutputs } from "./only-outputs.js"

export interface TrainingModelOptions
  extends TrainingGraphOptions,
    Omit<SessionOptions, "externalData" | "workers" | "dimensions"> {
  /** Keep the memory of the largest step, and of the largest loss, for the next ones. On by default: steps are alike. */
  readonly arena?: boolean
}

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
   * The loss of a batch, and its gradients; no logits beyond those of the loss. Nothing is changed: what follows from the gradients is an
   * optimizer's business.
   * @throws RankineError `argument` for batches and adapters that do not fit the model, `model` where the run fails
   */
  step(batch: TrainingBatch, adapter: AdapterTensors, options?: RunOptions): Promise<TrainingStep>
  /** The loss alone, without the backward pass. The first call loads the graph for it. */
  loss(batch: TrainingBatch, adapter?: AdapterTensors, options?: RunOptions): Promise<number>
  /**
   * All logits, float32: decoders [rows, length, vocabulary], encoders [rows, labels], encoder-decoders [rows, steps, vocabulary]. The first
   * call loads the graph for them; what they take is given back.
   */
  logits(batch: TrainingBatch, adapter?: AdapterTensors, options?: RunOptions): Promise<Tensor>
}

/**
 * Loads a folder with config.json and safetensors, a GGUF file, or an open checkpoint, for training: decoders, encoders with a
 * classification head, T5. Float weights are mapped from their own files, by one session for steps and, where they are asked for, one for the
 * loss alone and one for logits; other devices than the CPU, and quantised weights, hold a copy for each.
 *
 * Weights are not copied into the layout that suits short inputs best (`session.disable_prepacking`): they would be there twice, for the
 * forward and for the backward pass. Entries of `config` override that.
 * @throws RankineError as `buildTrainingGraph`, and `not-found` for missing files, `dependency` where the device asked for is missing
 * @example
 * await using model = await loadTrainingModel("SmolLM2-135M")
 * const { loss, gradients } = await model.step(batch, adapter)
 */
export async function loadTrainingModel(
  source: string | DecoderSource,
  options: TrainingModelOptions = {},
): Promise<TrainingModel> {
  const { modules, slot, trains, recompute, chunk, prepare, arena, ...rest } = options
  const graphOptions = definedOf({ modules, slot, trains, recompute, chunk, prepare })
  const opened = typeof source === "string" ? await openTrainable(source) : source
  const built = await buildTrainingGraph(opened, graphOptions)
  const { kind, folder, layers, trained, vocabulary, labels, types } = built
  const adapterInputs = new Set(built.adapterInputs)
  const stepOutputs = ["loss", ...trained.map(gradientName)]
  const bytes = ({ graph }: TrainingGraph, outputs: readonly string[]) =>
    encodeModel(modelOf(onlyOutputs(graph, outputs)))
  const settings: SessionOptions = {
    ...rest,
    externalData: folder,
    config: { "session.disable_prepacking": "1", ...rest.config },
  }
  // The bytes are not kept: a worker that is lost is rare, and writing the graph again takes moments.
  let first: Uint8Array | undefined = bytes(built, stepOutputs)
  const stepSource = async () => {
    const made = first ?? bytes(await buildTrainingGraph(opened, graphOptions), stepOutputs)
    first = undefined
    return made
  }
  const stepping = await createSession(stepSource, { ...settings, arena: arena ?? true })
  // Written anew without gradients, and not cut from the graph above: there the loss comes with slopes that only gradients need.
  const forward = async (output: string) =>
    bytes(await buildTrainingGraph(opened, { ...graphOptions, trains: () => false }), [output])
  const { device, deviceReason } = stepping
  const losses = onDemand(() => createSession(() => forward("loss"), { ...settings, device, arena: arena ?? true }))
  // Logits of a large vocabulary may be a gigabyte, and are asked for now and then: no arena keeps their place.
  const allLogits = onDemand(() =>
    createSession(() => forward("logits"), { ...settings, device, arena: arena ?? false }),
  )

  const run = async (
    session: OnnxSession,
    batch: TrainingBatch,
    adapter: AdapterTensors,
    signal: AbortSignal | undefined,
  ) => {
    const form = { labels, types, vocabulary }
    const names = new Set(session.inputs.map(({ name }) => name))
    const given = names.has(inputNames.labels) ? labelFeeds(batch, form) : {}
    const own = Object.entries({ ...batchFeeds(batch, form), ...given }).filter(([name]) => names.has(name))
    const feeds = { ...Object.fromEntries(own), ...adapterFeeds(session, adapterInputs, adapter) }
    return session.run(feeds, signal === undefined ? {} : { signal })
  }
  const lossIn = (outputs: Readonly<Record<string, Tensor>>) => outputOf(outputs, "loss", "float32").data[0]!
  return {
    kind,
    layers,
    trained,
    vocabulary,
    device,
    deviceReason,
    async step(batch, adapter, { signal } = {}) {
      const outputs = await run(stepping, batch, adapter, signal)
      const found = trained.map((name) => [name, outputOf(outputs, gradientName(name), "float32").data] as const)
      return { loss: lossIn(outputs), gradients: Object.fromEntries(found) }
    },
    loss: async (batch, adapter = {}, { signal } = {}) => lossIn(await run(await losses.get(), batch, adapter, signal)),
    logits: async (batch, adapter = {}, { signal } = {}) =>
      outputOf(await run(await allLogits.get(), batch, adapter, signal), "logits", "float32"),
    async [Symbol.asyncDispose]() {
      for (const each of [losses, allLogits, stepping]) await each[Symbol.asyncDispose]()
    },
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

/** Without what is undefined, for options that may be missing and not undefined. */
function definedOf<Given extends object>(given: Given): { [Key in keyof Given]?: Exclude<Given[Key], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never
}
