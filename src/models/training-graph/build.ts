/** From a checkpoint to the graph of a training step. @module */
import { RankineError } from "../../core/errors.js"
import { type GradientOptions, gradients } from "../../onnx/gradients/index.js"
import type { Graph } from "../../onnx/ir.js"
import { decoderTypes, isDecoderFamily } from "../decoder/config.js"
import type { DecoderSource } from "../decoder/open.js"
import { type AdapterSlot, type LinearLayer, loraSlot } from "../encoder/adapter-slot.js"
import { encoderTypes, isEncoderFamily } from "../encoder/config.js"
import type { LabelForm } from "./batch.js"
import { writeDecoder } from "./decoder.js"
import { writeEncoder } from "./encoder.js"
import { writeT5 } from "./t5.js"
import { checkModules, recordingSlot, type TrainableKind, type WrittenModel } from "./written.js"

export interface TrainingGraphOptions {
  /** The linear layers to adapt, by name or by choice. Default: all but the output layer of language models and the heads of classifiers. */
  readonly modules?: readonly string[] | ((layer: LinearLayer) => boolean)
  /** What adapters compute. Default: LoRA on those layers. */
  readonly slot?: AdapterSlot
  /** Which of the slot's inputs are trained. Default: LoRA's A and B. */
  readonly trains?: (input: string) => boolean
  /** Compute activations again, layer by layer, in the backward pass. */
  readonly recompute?: GradientOptions["recompute"]
  /** Tokens whose logits exist at a time. Default 128. */
  readonly chunk?: number
  /** Called with the forward graph before it is differentiated; `kind` and the configuration say what it is. */
  readonly prepare?: (forward: Graph, kind: TrainableKind) => Graph
}

/** A whole model with its loss and the loss's gradients, in operators that ONNX Runtime runs. */
export interface TrainingGraph {
  readonly kind: TrainableKind
  /** Outputs: `logits`, `loss`, and `grad.NAME` for each trained input. */
  readonly graph: Graph
  /** Where the weights' files lie. */
  readonly folder: string
  /** The layers with an adapter. */
  readonly layers: readonly LinearLayer[]
  /** All inputs of adapters, by name; those of `trained` have gradients. */
  readonly adapterInputs: readonly string[]
  readonly trained: readonly string[]
  readonly labels: LabelForm
  readonly types: boolean
  readonly vocabulary: number
}

/** The name of the output with a trained input's gradient. */
export const gradientName = (input: string): string => `grad.${input}`

const heads = /(^|\.)(lm_head|classifier|score|pooler|head|pre_classifier)(\.|$)/

/** Layers that adapters are for where nothing else is said: PEFT's "all-linear" without heads. */
export function isBodyLayer({ module }: LinearLayer): boolean {
  return !heads.test(module)
}

/**
 * Writes the training graph of a decoder, of an encoder with a classification head, or of a T5.
 *
 * Float weights stay in the checkpoint's own files.
 * @throws RankineError `model` for architectures that are not supported, `data` where a weight is missing or has another shape,
 *   `argument` for modules that the model has not
 */
export async function buildTrainingGraph(
  source: DecoderSource,
  options: TrainingGraphOptions = {},
): Promise<TrainingGraph> {
  const { modules = isBodyLayer, chunk = 128, recompute = false, prepare = (graph) => graph } = options
  const chosen = typeof modules === "function" ? modules : ({ module }: LinearLayer) => modules.includes(module)
  const trains = options.trains ?? ((input) => /\.lora_[AB]\.weight$/.test(input))
  const own = options.slot
  const slot: AdapterSlot = own
    ? (graph, layer, x) => (chosen(layer) ? own(graph, layer, x) : undefined)
    : loraSlot(chosen)
  const recorded = recordingSlot(slot)
  const place = source.place ?? "config.json"
  const written = write(source, place, { adapters: recorded.slot, layerMarks: recompute === true, chunk })
  if (typeof modules !== "function") checkModules(modules, recorded.offered, source.checkpoint.files[0]!)
  const { net, kind, labels, types, vocabulary } = written
  net.graph.output(written.logits, "logits")
  net.graph.output(written.loss, "loss")
  const forward = prepare(await net.finish(), kind)
  const adapterInputs = forward.inputs.map(({ name }) => name).filter((name) => !ownInputs.has(name))
  const trained = adapterInputs.filter(trains)
  const { graph } = gradients(forward, "loss", trained, { nameOf: gradientName, recompute })
  return {
    kind,
    graph,
    folder: net.folder,
    layers: recorded.adapted,
    adapterInputs,
    trained,
    labels,
    types,
    vocabulary,
  }
}

const ownInputs = new Set(["input_ids", "attention_mask", "token_type_ids", "decoder_input_ids", "labels"])

function write(source: DecoderSource, place: string, options: Parameters<typeof writeEncoder>[2]): WrittenModel {
  const { config, checkpoint } = source
  const type = config.model_type
  if (isDecoderFamily(type)) return writeDecoder(config, checkpoint, options, place)
  if (isEncoderFamily(type)) return writeEncoder(config, checkpoint, options)
  if (type === "t5" || type === "mt5") return writeT5(config, checkpoint, options)
  throw new RankineError(
    "model",
    `${place}: model_type ${JSON.stringify(type)} is not among the models that can be built from weights ` +
      `(${[...decoderTypes, ...encoderTypes, "t5", "mt5"].join(", ")})`,
  )
}
