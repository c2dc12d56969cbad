/** What a training step reads beside the adapter. @module */
import { RankineError } from "../../core/errors.js"
import { NO_LABEL } from "../../onnx/gradients/index.js"
import { type Tensor, tensor } from "../../onnx/tensor.js"

/** Rows of equal length, padded on the right; all arrays row by row. */
export interface TrainingBatch {
  readonly rows: number
  readonly length: number
  /** [rows, length] */
  readonly inputIds: Int32Array
  /** [rows, length]: 1 for tokens, 0 for padding. Default: all are tokens. */
  readonly attentionMask?: Int32Array
  /** [rows, length], for encoders with token types. Default: zeros. */
  readonly tokenTypes?: Int32Array
  /** [rows, steps], for encoder-decoders. */
  readonly decoderInputIds?: Int32Array
  /** Tokens of each row of `decoderInputIds`. */
  readonly steps?: number
  /**
   * Decoders: [rows, length], the tokens themselves, moved by one place within the step as in transformers; -100 has no loss.
   * Encoder-decoders: [rows, steps], what follows each decoder token. Encoders: [rows], the probability that is wanted.
   */
  readonly labels?: Int32Array | Float32Array
}

/** Rows of any lengths as one batch. Labels are padded by what has no loss. Throws `argument` for no rows, and for labels that are not as many as tokens. */
export function trainingBatch(
  rows: readonly (readonly number[])[],
  labels?: readonly (readonly number[])[],
  padId = 0,
): TrainingBatch {
  const length = Math.max(0, ...rows.map((row) => row.length))
  if (length === 0) throw new RankineError("argument", "a batch needs at least one row with a token")
  const inputIds = new Int32Array(rows.length * length).fill(padId)
  const attentionMask = new Int32Array(rows.length * length)
  for (const [row, ids] of rows.entries()) {
    inputIds.set(ids, row * length)
    attentionMask.fill(1, row * length, row * length + ids.length)
  }
  const batch = { rows: rows.length, length, inputIds, attentionMask }
  if (!labels) return batch
  const all = new Int32Array(rows.length * length).fill(NO_LABEL)
  for (const [row, ids] of rows.entries()) {
    if (labels[row]?.length !== ids.length)
      throw new RankineError(
        "argument",
        `row ${row} has ${ids.length} tokens and ${labels[row]?.length ?? "no"} labels: give a label for each token, -100 for none`,
      )
    all.set(labels[row], row * length)
  }
  return { ...batch, labels: all }
}

/** The names of the graph's own inputs. */
export const inputNames = {
  ids: "input_ids",
  mask: "attention_mask",
  types: "token_type_ids",
  decoderIds: "decoder_input_ids",
  labels: "labels",
} as const

/** Which labels a kind of model is trained with. */
export type LabelForm = "next token" | "decoder token" | "probability"

/** The batch as the graph takes it. Throws `argument` for arrays that do not fit the sizes, and for ids outside the vocabulary. */
export function batchFeeds(
  batch: TrainingBatch,
  form: { readonly labels: LabelForm; readonly types: boolean; readonly vocabulary: number },
): Record<string, Tensor> {
  const { rows, length, steps } = batch
  const sized = (name: string, given: Int32Array | undefined, dims: readonly number[], fill = 0): Tensor => {
    const data = given ?? new Int32Array(dims[0]! * dims[1]!).fill(fill)
    if (data.length !== dims[0]! * dims[1]!)
      throw new RankineError("argument", `${name} has ${data.length} numbers, where the batch is [${dims.join(", ")}]`)
    return tensor("int32", data, dims)
  }
  const within = (name: string, ids: Int32Array) => {
    const odd = ids.find((id) => id < 0 || id >= form.vocabulary)
    if (odd !== undefined)
      throw new RankineError("argument", `${name} holds ${odd}, outside the vocabulary of ${form.vocabulary}`)
  }
  const feeds: Record<string, Tensor> = {
    [inputNames.ids]: sized(inputNames.ids, batch.inputIds, [rows, length]),
    [inputNames.mask]: sized(inputNames.mask, batch.attentionMask, [rows, length], 1),
  }
  within(inputNames.ids, batch.inputIds)
  if (form.types) feeds[inputNames.types] = sized(inputNames.types, batch.tokenTypes, [rows, length])
  if (form.labels === "decoder token") {
    if (!batch.decoderInputIds || steps === undefined)
      throw new RankineError("argument", "an encoder-decoder needs decoderInputIds and steps in every batch")
    within(inputNames.decoderIds, batch.decoderInputIds)
    feeds[inputNames.decoderIds] = sized(inputNames.decoderIds, batch.decoderInputIds, [rows, steps])
  }
  return feeds
}

/** The labels as the graph takes them; for decoders moved by one place, so that each token's label is the one after it. */
export function labelFeeds(
  batch: TrainingBatch,
  form: { readonly labels: LabelForm; readonly vocabulary: number },
): Record<string, Tensor> {
  const { rows, length, steps = 0, labels } = batch
  const expected = form.labels === "probability" ? rows : rows * (form.labels === "next token" ? length : steps)
  if (labels?.length !== expected)
    throw new RankineError(
      "argument",
      `a step needs ${expected} labels for this batch, got ${labels?.length ?? "none"}`,
    )
  if (form.labels === "probability")
    return { [inputNames.labels]: tensor("float32", Float32Array.from(labels), [rows]) }
  const odd = labels.find((id) => (id < 0 && id !== NO_LABEL) || id >= form.vocabulary)
  if (odd !== undefined)
    throw new RankineError("argument", `labels hold ${odd}, which is neither -100 nor in the vocabulary`)
  if (form.labels === "decoder token")
    return { [inputNames.labels]: tensor("int32", Int32Array.from(labels), [rows, steps]) }
  const moved = new Int32Array(labels.length).fill(NO_LABEL)
  for (let row = 0; row < rows; row++)
    for (let place = 1; place < length; place++) moved[row * length + place - 1] = labels[row * length + place]!
  return { [inputNames.labels]: tensor("int32", moved, [rows, length]) }
}
