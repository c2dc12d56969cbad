/** The ways in which a model is computed to be compared with its reference. @module */
import { modelOf } from "../../onnx/ir.js"
import { encodeModel } from "../../onnx/protobuf.js"
import { createSession, type SessionOptions } from "../../onnx/session.js"
import { outputOf, type Tensor, tensor } from "../../onnx/tensor.js"
import type { DecoderSource } from "../decoder/open.js"
import { batchFeeds, labelFeeds, type TrainingBatch } from "../training-graph/batch.js"
import { buildTrainingGraph, gradientName, type TrainingGraph } from "../training-graph/build.js"
import type { TrainableKind } from "../training-graph/index.js"
import { type KeptInFloat32, REST, toFloat64, withFloat64Kernels } from "./float64.js"

/**
 * - `float64-torch`: in float64, but for what published implementations compute in float32, which is rounded as PyTorch rounds it.
 * - `float64`: in float64 throughout.
 * - `float32`: as the model is used.
 */
export type Arithmetic = "float64-torch" | "float64" | "float32"

/** An adapter's numbers by the names of the graph's inputs. */
export type AdapterNumbers = ReadonlyMap<string, { readonly dims: readonly number[]; readonly data: Float64Array }>

/** A model with slots for an adapter, ready to be compared. */
export interface Computed extends AsyncDisposable {
  readonly kind: TrainableKind
  readonly device: string
  /** Inputs with a gradient. */
  readonly trained: readonly string[]
  logits(adapter: AdapterNumbers): Promise<Float32Array>
  step(adapter: AdapterNumbers): Promise<{ loss: number; gradients: Record<string, Float64Array> }>
}

export interface ComputeOptions extends Pick<SessionOptions, "device" | "threads"> {
  readonly modules: readonly string[] | undefined
  readonly batch: TrainingBatch
}

export async function compute(
  source: DecoderSource,
  arithmetic: Arithmetic,
  { modules, batch, ...options }: ComputeOptions,
): Promise<Computed> {
  const chosen = modules ? { modules } : {}
  const wide = arithmetic !== "float32"
  const torch = arithmetic === "float64-torch"
  const isTrained = (input: string) => /\.lora_[AB]\.weight$/.test(input)
  const build = () =>
    buildTrainingGraph(source, {
      ...chosen,
      prepare: (forward, kind) =>
        wide ? toFloat64(forward, torch ? keptBy(kind, source.config.model_type) : nothing, isTrained) : forward,
    })
  const sizes = torch ? { length: batch.length, steps: batch.steps ?? 0 } : {}
  const bytes = ({ graph }: TrainingGraph) => encodeModel(modelOf(wide ? withFloat64Kernels(graph, sizes) : graph))
  const built = await build()
  const { kind, trained, labels, types, vocabulary, folder } = built
  // Handed over and not kept: with the weights of a GGUF file in it a graph is large.
  let first: Uint8Array | undefined = bytes(built)
  const model = async () => {
    const made = first ?? bytes(await build())
    first = undefined
    return made
  }
  // One session with logits, loss and gradients: batches are small, weights are not.
  const session = await createSession(model, {
    ...options,
    externalData: folder,
    // ONNX Runtime takes casts to float32 and back for nothing, which they are not here, and would keep weights widened to float64.
    ...(wide ? ({ device: "cpu", optimization: "none" } as const) : {}),
    config: { "session.disable_prepacking": "1" },
  })
  const form = { labels, types, vocabulary }
  const feeds = (adapter: AdapterNumbers) => ({
    ...batchFeeds(batch, form),
    ...labelFeeds(batch, form),
    ...(wide ? split(adapter, isTrained) : narrow(adapter)),
  })
  return {
    kind,
    trained,
    device: session.device,
    logits: async (adapter) =>
      outputOf(await session.run(feeds(adapter), { outputs: ["logits"] }), "logits", "float32").data,
    async step(adapter) {
      const names = trained.map(gradientName)
      const outputs = await session.run(feeds(adapter), {
        outputs: ["loss", ...names, ...(wide ? names.map((name) => name + REST) : [])],
      })
      const both = (name: string) => {
        const upper = outputOf(outputs, name, "float32").data
        const rest = wide ? outputOf(outputs, name + REST, "float32").data : undefined
        return Float64Array.from(upper, (value, at) => value + (rest?.[at] ?? 0))
      }
      const gradients = trained.map((name) => [name, both(gradientName(name))] as const)
      return { loss: outputOf(outputs, "loss", "float32").data[0]!, gradients: Object.fromEntries(gradients) }
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}

const nothing: KeptInFloat32 = { softmax: false, norms: "no", normFactors: false }

/** What transformers computes in float32 in models of any type. */
function keptBy(kind: TrainableKind, modelType: unknown): KeptInFloat32 {
  if (kind === "t5") return { softmax: false, norms: "scale", normFactors: false }
  if (kind === "encoder") return { softmax: modelType === "modernbert", norms: "no", normFactors: false }
  return { softmax: true, norms: "whole", normFactors: String(modelType).startsWith("gemma") }
}

function narrow(adapter: AdapterNumbers): Record<string, Tensor> {
  const each = [...adapter].map(([name, { dims, data }]) => [name, tensor("float32", Float32Array.from(data), dims)])
  return Object.fromEntries(each) as Record<string, Tensor>
}

/** Each trained number as a float32 and what that leaves over. */
function split(adapter: AdapterNumbers, isTrained: (input: string) => boolean): Record<string, Tensor> {
  const feeds = narrow(adapter)
  for (const [name, { dims, data }] of adapter)
    if (isTrained(name))
      feeds[name + REST] = tensor(
        "float32",
        Float32Array.from(data, (value) => value - Math.fround(value)),
        dims,
      )
  return feeds
}
