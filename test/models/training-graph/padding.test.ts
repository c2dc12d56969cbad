import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { loadTrainingModel, type TrainingBatch } from "../../../src/models/training-graph/index.js"
import { largest, largestDifference, miniatures, missing, reference, tiny } from "./reference.js"

/** Rows of `length` numbers with some more at the end of each. */
function longer<A extends Int32Array | Float32Array>(values: A, length: number, by: number, filler: () => number): A {
  const rows = values.length / length
  const wider = new (values.constructor as new (count: number) => A)(rows * (length + by))
  for (let at = 0; at < wider.length; at++) {
    const [row, place] = [Math.floor(at / (length + by)), at % (length + by)]
    wider[at] = place < length ? values[row * length + place]! : filler()
  }
  return wider
}

/** The batch with any tokens after every row: as padding, without labels there, or counted in. */
function padded(batch: TrainingBatch, by: number, counted = false): TrainingBatch {
  const { length, steps, inputIds, attentionMask, decoderInputIds, labels } = batch
  let token = 7
  const any = () => 5 + ((token = (token * 31) % 97) % 90)
  const wide = {
    ...batch,
    length: length + by,
    inputIds: longer(inputIds, length, by, any),
    attentionMask: longer(attentionMask!, length, by, () => Number(counted)),
  }
  const label = () => (counted ? any() : -100)
  if (decoderInputIds && steps)
    return {
      ...wide,
      steps: steps + by,
      decoderInputIds: longer(decoderInputIds, steps, by, any),
      labels: longer(labels!, steps, by, label),
    }
  return labels!.length === batch.rows ? wide : { ...wide, labels: longer(labels!, length, by, label) }
}

describe.skipIf(missing).each(miniatures)("padding of %s", (name) => {
  it.each([3, 24])("%i tokens per row change neither loss nor gradients of a step", async (by) => {
    const { batch, adapter, modules } = await reference(join(tiny, name))
    await using model = await loadTrainingModel(join(tiny, name), { device: "cpu", threads: 1, modules })
    const [plain, wide] = [await model.step(batch, adapter), await model.step(padded(batch, by), adapter)]
    expect(Math.abs(wide.loss - plain.loss) / plain.loss).toBeLessThan(1e-6)
    for (const input of model.trained) {
      const gradient = plain.gradients[input]!
      expect(largestDifference(wide.gradients[input]!, gradient) / largest(gradient), input).toBeLessThan(1e-6)
    }
    // They would, were they not padding.
    const counted = await model.step(padded(batch, by, true), adapter)
    expect(Math.abs(counted.loss - plain.loss) / plain.loss).toBeGreaterThan(1e-4)
  })
})
