/** Reads documents and their vectors into a segment. @module */
import type { Document } from "../../src/core/document.js"
import type { SparseVector } from "../../src/models/sparse-encoder.js"
import { ForwardField } from "../inverted/forward-field.js"
import { TF_ASIDE } from "../inverted/segment.js"
import { SegmentBuilder } from "../inverted/segment-builder.js"
import type { SparseSettings } from "./options.js"
import { keepHeaviest } from "./vectors.js"

/** The dictionary's name of a term. */
export function termText(id: number): string {
  return String(id)
}

/** Weights as frequencies: whole units of `step`. */
class VectorField extends ForwardField {
  readonly #units: number
  /** Per id: the number of its term + 1, or 0 for one not seen yet. */
  readonly #numbers: Uint32Array

  constructor(step: number, vocabulary: number) {
    super()
    this.#units = 1 / step
    this.#numbers = new Uint32Array(vocabulary)
  }

  add(document: number, { ids, weights }: SparseVector): void {
    this.reserve(ids.length)
    const { pairTerms, pairFrequencies } = this
    const begin = this.pairCount
    for (let i = 0; i < ids.length; i++) {
      const units = Math.round(weights[i]! * this.#units)
      if (units === 0) continue
      const id = ids[i]!
      this.#numbers[id] ||= this.terms.number(termText(id)) + 1
      const pair = this.pairCount++
      pairTerms[pair] = this.#numbers[id]! - 1
      pairFrequencies[pair] = Math.min(units, TF_ASIDE)
      if (units >= TF_ASIDE) this.aside.set(pair, units)
    }
    this.close(document, this.pairCount - begin)
  }
}

export class VectorSegmentBuilder extends SegmentBuilder<VectorField> {
  readonly #settings: SparseSettings

  constructor(settings: SparseSettings, vocabulary: number) {
    super([new VectorField(settings.step, vocabulary)], settings.storeDocuments)
    this.#settings = settings
  }

  /** Throws `data` for a document without a usable id or text. `position` is its place in the collection. */
  add(document: Document, position: number, vector: SparseVector): void {
    const number = this.take(document, position)
    const { threshold, topTerms } = this.#settings
    this.fields[0]!.add(number, keepHeaviest(vector, threshold, topTerms))
  }
}
