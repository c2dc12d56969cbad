/** Fused operators in the forms that our builders and exports write. */
import type { GraphBuilder } from "../../../src/onnx/graph.js"
import type { Value } from "../../../src/onnx/ir.js"
import type { Case, Variable } from "./check.js"

export const domain = "com.microsoft"
const tokens: Variable = { dims: [2, 3, 8], shape: ["batch", "length", 8] }
const mask: Variable = { dims: [2, 3], shape: ["batch", "length"], fixed: [1, 1, 1, 1, 1, 0], type: "int32" }
const row: Variable = { dims: [8] }
const int32 = (dims: number[], fixed: number[]): Variable => ({ dims, fixed, type: "int32" })
const int64 = (dims: number[], fixed: number[]): Variable => ({ dims, fixed, type: "int64" })
type Inputs = Readonly<Record<string, Value>>

/** Cosines and sines of angles, as models keep them. */
const angles = (op: (x: number) => number, size: number): Variable => ({
  dims: [6, size],
  fixed: Array.from({ length: 6 * size }, (_, index) =>
    Math.fround(op(Math.floor(index / size) / 3 ** (index % size))),
  ),
})
const turns = { cosines: angles(Math.cos, 2), sines: angles(Math.sin, 2) }

export const fusedCases: Readonly<Record<string, Case>> = {
  "MultiHeadAttention with a mask of keys and a bias of scores": {
    variables: { query: tokens, key: tokens, value: tokens, mask, bias: { dims: [1, 2, 3, 3] } },
    write: (graph, { query, key, value, mask, bias }) =>
      graph.op("MultiHeadAttention", [query, key, value, undefined, mask, bias], { num_heads: 2 }, { domain }),
  },
  "MultiHeadAttention with a bias of projections, causal, with its own scale": {
    variables: { query: tokens, key: tokens, value: tokens, bias: { dims: [24] } },
    write: (graph, { query, key, value, bias }) =>
      graph.op(
        "MultiHeadAttention",
        [query, key, value, bias],
        { num_heads: 2, scale: 0.3, unidirectional: 1 },
        { domain },
      ),
  },
  "MultiHeadAttention over keys of another length, heads apart": {
    variables: { query: tokens, key: { dims: [2, 2, 5, 4] }, value: { dims: [2, 2, 5, 4] } },
    write: (graph, { query, key, value }) =>
      graph.op("MultiHeadAttention", [query, key, value], { num_heads: 2 }, { domain }),
  },
  "Attention with its own weights and a mask": {
    variables: { x: tokens, weights: { dims: [8, 24] }, bias: { dims: [24] }, mask },
    write: (graph, { x, weights, bias, mask }) =>
      graph.op("Attention", [x, weights, bias, mask], { num_heads: 2 }, { domain }),
  },
  SkipLayerNormalization: {
    variables: { x: tokens, skip: tokens, scale: row, shift: row, bias: row },
    write: (graph, { x, skip, scale, shift, bias }) => {
      const outputs = graph.op(
        "SkipLayerNormalization",
        [x, skip, scale, shift, bias],
        { epsilon: 1e-3 },
        { domain, outputs: 4 },
      )
      return [outputs[0]!, outputs[3]!]
    },
  },
  SkipSimplifiedLayerNormalization: {
    variables: { x: tokens, skip: tokens, scale: row },
    write: (graph, { x, skip, scale }) =>
      graph.op("SkipSimplifiedLayerNormalization", [x, skip, scale], { epsilon: 1e-3 }, { domain }),
  },
  EmbedLayerNormalization: {
    variables: {
      ids: int32([2, 3], [1, 4, 4, 0, 2, 1]),
      types: int32([2, 3], [0, 0, 1, 0, 1, 1]),
      words: { dims: [5, 8] },
      places: { dims: [4, 8] },
      kinds: { dims: [2, 8] },
      scale: row,
      shift: row,
    },
    write: (graph, { ids, types, words, places, kinds, scale, shift }) =>
      graph.op(
        "EmbedLayerNormalization",
        [ids, types, words, places, kinds, scale, shift],
        { epsilon: 1e-3 },
        { domain, outputs: 2 },
      )[0]!,
  },
  BiasGelu: {
    variables: { x: tokens, bias: row },
    write: (graph, { x, bias }) => graph.op("BiasGelu", [x, bias], {}, { domain }),
  },
  FastGelu: {
    variables: { x: tokens, bias: row },
    write: (graph, { x, bias }) => graph.op("FastGelu", [x, bias], {}, { domain }),
  },
  FusedMatMul: {
    variables: { a: { dims: [2, 4, 3] }, b: { dims: [5, 4] } },
    write: (graph, { a, b }) => graph.op("FusedMatMul", [a, b], { transA: 1, transB: 1, alpha: 0.5 }, { domain }),
  },
  "RotaryEmbedding, halves": {
    variables: { x: tokens, positions: int64([2, 3], [0, 1, 2, 3, 4, 5]), ...turns },
    write: (graph, { x, positions, cosines, sines }) =>
      graph.op("RotaryEmbedding", [x, positions, cosines, sines], {}, { domain }),
  },
  "RotaryEmbedding, neighbours, from a first place, heads apart": {
    variables: { x: { dims: [2, 2, 3, 4] }, positions: int64([1], [2]), ...turns },
    write: (graph, { x, positions, cosines, sines }) =>
      graph.op("RotaryEmbedding", [x, positions, cosines, sines], { interleaved: 1 }, { domain }),
  },
  "GroupQueryAttention with rotary positions and a window": {
    variables: {
      query: { dims: [2, 3, 32], shape: ["batch", "length", 32] },
      key: { dims: [2, 3, 16], shape: ["batch", "length", 16] },
      value: { dims: [2, 3, 16], shape: ["batch", "length", 16] },
      past: { dims: [2, 1, 0, 16], fixed: [] },
      last: int32([2], [2, 2]),
      count: int32([], [3]),
      cosines: angles(Math.cos, 8),
      sines: angles(Math.sin, 8),
    },
    write: (graph: GraphBuilder, { query, key, value, past, last, count, cosines, sines }: Inputs) =>
      graph.op(
        "GroupQueryAttention",
        [query, key, value, past, past, last, count, cosines, sines],
        { num_heads: 2, kv_num_heads: 1, do_rotary: 1, local_window_size: 2, softcap: 5 },
        { domain, outputs: 3 },
      )[0]!,
  },
  "GroupQueryAttention, packed": {
    variables: {
      packed: { dims: [2, 3, 32], shape: ["batch", "length", 32] },
      past: { dims: [2, 1, 0, 8], fixed: [] },
      last: int32([2], [2, 2]),
      count: int32([], [3]),
    },
    write: (graph: GraphBuilder, { packed, past, last, count }: Inputs) =>
      graph.op(
        "GroupQueryAttention",
        [packed, undefined, undefined, past, past, last, count],
        { num_heads: 2, kv_num_heads: 1 },
        { domain, outputs: 3 },
      )[0]!,
  },
}
