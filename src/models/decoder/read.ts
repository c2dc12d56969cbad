/** Reads tokens with a decoder's graph, run by run. @module */
import { RankineError } from "../../core/errors.js"
import type { HeldTensors } from "../../onnx/held-tensors.js"
import type { OnnxSession } from "../../onnx/session.js"
import { outputOf, type Tensor, tensor } from "../../onnx/tensor.js"
import { LOGITS } from "./build.js"
import type { Part, Run } from "./plan.js"
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
  { parts }: Run,
  held: HeldTensors,
): Promise<{ row: number; logits: Float32Array }[]> {
  const length = Math.max(...parts.map(({ start, end }) => end - start))
  const ids = new Int32Array(parts.length * length)
  const chosen: number[] = []
  const counts = parts.map(({ row, start, end }, index) => {
    const at = index * length
    ids.set(rows[row]!.slice(start, end), at)
    const here = places[row]!.filter((place) => place >= start && place < end)
    chosen.push(...here.map((place) => at + place - start))
    return here.length
  })
  const all = parts.map(({ before, start, end }: Part) => before + end - start)
  const silent = chosen.length === 0
  const feeds: Record<string, Tensor> = {
    input_ids: tensor("int32", ids, [parts.length, length]),
    last: tensor(
      "int32",
      Int32Array.from(all, (count) => count - 1),
    ),
    // Of rows that begin together, the longest says where they all end; elsewhere parts are equally long.
    total: tensor("int32", Int32Array.of(Math.max(...all))),
    // Something must go through the last layer, even where nobody reads it.
    chosen: tensor("int32", Int32Array.from(silent ? [0] : chosen)),
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
