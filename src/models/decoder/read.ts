/** Reads tokens with a decoder's graph, run by run. @module */
import { RankineError } from "../../core/errors.js"
import type { HeldTensors } from "../../onnx/held-tensors.js"
import type { OnnxSession } from "../../onnx/session.js"
import { outputOf, type Tensor, tensor } from "../../onnx/tensor.js"
import { LOGITS, MASK, POSITIONS } from "./build.js"
import type { Run } from "./plan.js"
import type { LogitPlaces } from "./session.js"

/** What the runs of one call share. */
export interface Reading {
  readonly session: OnnxSession
  readonly rows: readonly (readonly number[])[]
  /** For each row, the places among its tokens whose logits are asked for, in ascending order. */
  readonly places: readonly (readonly number[])[]
  readonly vocabulary: number
  readonly adapter: HeldTensors | undefined
  readonly signal: AbortSignal | undefined
}

/** Reads what a run says and gives the logits of each of its parts that has some. */
export async function readRun(
  { session, rows, places, vocabulary, adapter, signal }: Reading,
  run: Run,
  held: HeldTensors,
): Promise<{ row: number; logits: Float32Array }[]> {
  const { parts } = run
  const { starts, length, batch, all } = layOut(run)
  const ids = new Int32Array(batch * length)
  const chosen: number[] = []
  const counts = parts.map(({ row, start, end }, index) => {
    const at = starts[index]!
    ids.set(rows[row]!.slice(start, end), at)
    const here = places[row]!.filter((place) => place >= start && place < end)
    chosen.push(...here.map((place) => at + place - start))
    return here.length
  })
  const silent = chosen.length === 0
  const feeds: Record<string, Tensor> = {
    input_ids: tensor("int32", ids, [batch, length]),
    last: tensor(
      "int32",
      Int32Array.from(all, (count) => count - 1),
    ),
    // Of rows that begin together, the longest says where they all end; elsewhere parts are equally long.
    total: tensor("int32", Int32Array.of(Math.max(...all))),
    // Something must go through the last layer, even where nobody reads it.
    chosen: tensor("int32", Int32Array.from(silent ? [0] : chosen)),
    ...(session.inputs.some(({ name }) => name === MASK) ? telling(run) : {}),
  }
  const outputs = await session.run(feeds, {
    outputs: silent ? [] : [LOGITS],
    held: adapter ? [held, adapter] : [held],
    transfer: true,
    ...(signal ? { signal } : {}),
  })
  if (silent) return []
  const { data } = outputOf(outputs, LOGITS, "float32")
  let at = 0
  return parts.map(({ row }, index) => {
    const logits = data.subarray(at, at + counts[index]! * vocabulary)
    at += counts[index]! * vocabulary
    return { row, logits }
  })
}

/** Where each part begins in the ids of a run [batch, length], and how many tokens each row has then. */
function layOut({ parts, sideBySide }: Run) {
  const counts = parts.map(({ start, end }) => end - start)
  if (!sideBySide) {
    const length = Math.max(...counts)
    const all = parts.map(({ before }, index) => before + counts[index]!)
    return { starts: parts.map((_, index) => index * length), length, batch: parts.length, all }
  }
  let length = 0
  const starts = counts.map((count) => {
    length += count
    return length - count
  })
  return { starts, length, batch: 1, all: [parts[0]!.before + length] }
}

/** Places of tokens in their own texts, and which of them see each other; that none looks ahead the operator sees to itself. */
function telling(run: Run): Record<string, Tensor> {
  const { starts, length, batch, all } = layOut(run)
  const total = Math.max(...all)
  const positions = new BigInt64Array(batch * length)
  const mask = new Float32Array(length * total)
  for (const [index, { before, start, end }] of run.parts.entries()) {
    const at = starts[index]!
    // Padding goes on counting, as far as the next part.
    const count = run.sideBySide ? end - start : length
    for (let offset = 0; offset < count; offset++) positions[at + offset] = BigInt(before + offset)
    if (!run.sideBySide) continue
    for (let token = at; token < at + count; token++)
      mask.fill(Number.NEGATIVE_INFINITY, token * total + before, token * total + before + at)
  }
  return {
    [POSITIONS]: tensor("int64", positions, [batch, length]),
    [MASK]: tensor("float32", mask, [1, 1, length, total]),
  }
}

/** The places as lists. Throws `argument` for one that a row does not have. */
export function placesOf(rows: readonly (readonly number[])[], given: LogitPlaces): number[][] {
  if (given === "none") return rows.map(() => [])
  if (given === "last") return rows.map(({ length }) => [length - 1])
  if (given === "all") return rows.map(({ length }) => Array.from({ length }, (_, place) => place))
  if (given.length !== rows.length)
    throw new RankineError("argument", `logits are asked for of ${given.length} rows, and ${rows.length} rows are read`)
  return given.map((places, row) => {
    const { length } = rows[row]!
    const odd = places.find((place) => !(Number.isInteger(place) && place >= 0 && place < length))
    if (odd !== undefined)
      throw new RankineError("argument", `row ${row} has ${length} tokens, and none at place ${odd} to give logits of`)
    if (places.some((place, index) => index > 0 && place <= places[index - 1]!))
      throw new RankineError("argument", `the places of row ${row} must be in ascending order, each once: ${places}`)
    return [...places]
  })
}
