/** Attention over a cache, as decoders run it, and the same in plain arithmetic. */
import { Random } from "../../../src/core/random.js"
import type { GraphBuilder } from "../../../src/onnx/graph.js"
import { type Tensor, tensor } from "../../../src/onnx/tensor.js"

const [HEADS, KEY_HEADS, SIZE, CAPACITY] = [4, 2, 16, 12]
const domain = "com.microsoft"

export interface CachedCase {
  readonly feeds: Readonly<Record<string, Tensor>>
  readonly write: (graph: GraphBuilder) => void
  /** By row and token, for the tokens that are real: [heads · size]. */
  readonly expected: readonly (readonly (readonly number[])[])[]
}

interface Given {
  /** Tokens that each row has read before; rows that begin have none. */
  readonly before: readonly number[]
  /** New tokens of each row; shorter ones are padded on the right. */
  readonly counts: readonly number[]
  readonly window?: number
  readonly softcap?: number
  readonly rotary?: boolean
}

export function cachedCase({ before, counts, window = -1, softcap = 0, rotary = true }: Given): CachedCase {
  const random = new Random(5, `cached ${before} ${counts} ${window}`)
  const rows = counts.length
  const length = Math.max(...counts)
  const normals = (count: number) => Float32Array.from({ length: count }, () => random.normal())
  const query = normals(rows * length * HEADS * SIZE)
  const key = normals(rows * length * KEY_HEADS * SIZE)
  const value = normals(rows * length * KEY_HEADS * SIZE)
  const pastKey = normals(rows * KEY_HEADS * CAPACITY * SIZE)
  const pastValue = normals(rows * KEY_HEADS * CAPACITY * SIZE)
  const half = SIZE / 2
  const angle = (place: number, component: number) => place / 100 ** (component / half)
  const table = (of: (angle: number) => number) =>
    Float32Array.from({ length: 2 * CAPACITY * half }, (_, at) => of(angle(Math.floor(at / half), at % half)))
  const total = Math.max(...counts.map((count, row) => count + before[row]!))

  /** A head's vector turned by its place, by halves. */
  const turned = (vector: Float32Array, place: number) =>
    rotary
      ? vector.map((value, at) => {
          const component = at % half
          const [cos, sin] = [Math.cos(angle(place, component)), Math.sin(angle(place, component))]
          return at < half ? value * cos - vector[at + half]! * sin : value * cos + vector[at - half]! * sin
        })
      : vector
  const fresh = (from: Float32Array, heads: number, row: number, token: number, head: number) => {
    const at = ((row * length + token) * heads + head) * SIZE
    return from.slice(at, at + SIZE)
  }
  const past = (from: Float32Array, row: number, head: number, place: number) => {
    const at = ((row * KEY_HEADS + head) * CAPACITY + place) * SIZE
    return from.slice(at, at + SIZE)
  }
  const expected = counts.map((count, row) =>
    Array.from({ length: count }, (_, token) =>
      Array.from({ length: HEADS }, (_, head) => {
        const shared = Math.floor((head * KEY_HEADS) / HEADS)
        const place = before[row]! + token
        const q = turned(fresh(query, HEADS, row, token, head), place)
        const first = window > 0 ? Math.max(0, place - window + 1) : 0
        const seen = Array.from({ length: place - first + 1 }, (_, at) => first + at)
        const keyAt = (at: number) =>
          at < before[row]!
            ? past(pastKey, row, shared, at)
            : turned(fresh(key, KEY_HEADS, row, at - before[row]!, shared), at)
        const valueAt = (at: number) =>
          at < before[row]! ? past(pastValue, row, shared, at) : fresh(value, KEY_HEADS, row, at - before[row]!, shared)
        const scores = seen.map((at) => {
          const k = keyAt(at)
          const score = q.reduce((sum, number, component) => sum + number * k[component]!, 0) / Math.sqrt(SIZE)
          return softcap > 0 ? softcap * Math.tanh(score / softcap) : score
        })
        const most = Math.max(...scores)
        const weights = scores.map((score) => Math.exp(score - most))
        const sum = weights.reduce((a, b) => a + b)
        return Array.from({ length: SIZE }, (_, component) =>
          seen.reduce((mixed, at, index) => mixed + (weights[index]! / sum) * valueAt(at)[component]!, 0),
        )
      }).flat(),
    ),
  )

  const write = (graph: GraphBuilder) => {
    const floats = (name: string, sizes: (number | string)[]) => graph.input(name, "float32", sizes)
    const cache = ["batch", KEY_HEADS, CAPACITY, SIZE]
    const inputs = [
      floats("query", ["batch", "length", HEADS * SIZE]),
      floats("key", ["batch", "length", KEY_HEADS * SIZE]),
      floats("value", ["batch", "length", KEY_HEADS * SIZE]),
      floats("past key", cache),
      floats("past value", cache),
      graph.input("last", "int32", ["batch"]),
      graph.input("total", "int32", [1]),
      ...(rotary ? [floats("cosines", [2 * CAPACITY, half]), floats("sines", [2 * CAPACITY, half])] : []),
    ]
    const attributes = {
      num_heads: HEADS,
      kv_num_heads: KEY_HEADS,
      do_rotary: rotary ? 1 : 0,
      local_window_size: window,
      softcap,
    }
    const [y] = graph.op("GroupQueryAttention", inputs, attributes, { domain, outputs: 3 })
    graph.output(y!, "y")
  }
  const last = Int32Array.from(counts, (count, row) => count + before[row]! - 1)
  const feeds: Record<string, Tensor> = {
    query: tensor("float32", query, [rows, length, HEADS * SIZE]),
    key: tensor("float32", key, [rows, length, KEY_HEADS * SIZE]),
    value: tensor("float32", value, [rows, length, KEY_HEADS * SIZE]),
    "past key": tensor("float32", pastKey, [rows, KEY_HEADS, CAPACITY, SIZE]),
    "past value": tensor("float32", pastValue, [rows, KEY_HEADS, CAPACITY, SIZE]),
    last: tensor("int32", last, [rows]),
    total: tensor("int32", Int32Array.of(total), [1]),
  }
  if (rotary) {
    feeds.cosines = tensor("float32", table(Math.cos), [2 * CAPACITY, half])
    feeds.sines = tensor("float32", table(Math.sin), [2 * CAPACITY, half])
  }
  return { feeds, write, expected }
}

export const cachedCases: Readonly<Record<string, CachedCase>> = {
  "rows that begin, padded on the right": cachedCase({ before: [0, 0], counts: [5, 3] }),
  "rows of different lengths that go on by a token": cachedCase({ before: [7, 4], counts: [1, 1] }),
  "one row that goes on by several tokens": cachedCase({ before: [4], counts: [3] }),
  "a window": cachedCase({ before: [0, 0], counts: [6, 4], window: 3 }),
  "a window, by a token": cachedCase({ before: [6, 9], counts: [1, 1], window: 4 }),
  "places given elsewhere": cachedCase({ before: [5], counts: [1], rotary: false }),
  "a cap of scores": cachedCase({ before: [0, 0], counts: [4, 2], softcap: 5 }),
  "a cap of scores, by a token": cachedCase({ before: [5], counts: [1], softcap: 5 }),
}
