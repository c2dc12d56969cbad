/** A model's training graph under construction. @module */
import { RankineError } from "../../core/errors.js"
import type { Value } from "../../onnx/ir.js"
import type { AdapterSlot, LinearLayer } from "../encoder/adapter-slot.js"
import type { Net } from "../encoder/net.js"
import type { LabelForm } from "./batch.js"

export type TrainableKind = "decoder" | "encoder" | "t5"

/** What every kind of model writes: the whole forward pass and its loss. */
export interface WrittenModel {
  readonly kind: TrainableKind
  readonly net: Net
  /** Decoders [batch, length, vocabulary], encoders [batch, labels], encoder-decoders [batch, steps, vocabulary]. */
  readonly logits: Value
  /** A scalar. */
  readonly loss: Value
  readonly labels: LabelForm
  readonly types: boolean
  readonly vocabulary: number
}

export interface WriteOptions {
  readonly adapters: AdapterSlot
  /** Mark where layers end. */
  readonly layerMarks: boolean
  /** Tokens whose logits exist at a time, where the loss is over a vocabulary. */
  readonly chunk: number
}

/** A slot that remembers which layers it was offered, and which of them it adapted. */
export function recordingSlot(slot: AdapterSlot): {
  readonly slot: AdapterSlot
  readonly offered: LinearLayer[]
  readonly adapted: LinearLayer[]
} {
  const offered: LinearLayer[] = []
  const adapted: LinearLayer[] = []
  return {
    offered,
    adapted,
    slot: (graph, layer, x) => {
      offered.push(layer)
      const delta = slot(graph, layer, x)
      if (delta) adapted.push(layer)
      return delta
    },
  }
}

/** Throws `argument` where an adapter is for layers that the model has not. */
export function checkModules(wanted: readonly string[], offered: readonly LinearLayer[], place: string): void {
  const there = new Set(offered.map(({ module }) => module))
  const odd = wanted.find((module) => !there.has(module))
  if (odd !== undefined)
    throw new RankineError(
      "argument",
      `${place} has no linear layer ${odd}; it has ${offered[0]?.module ?? "none"} and ${Math.max(0, offered.length - 1)} others`,
    )
}
