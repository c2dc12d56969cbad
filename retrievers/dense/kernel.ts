/** Loads the WebAssembly kernel of dense search and gives each index a memory of its own. @module */
import { LinearMemory } from "../linear-memory.js"
import { kernelBase64 } from "./kernel.generated.js"

/** The functions of kernel.as.ts; every number is a byte address, a count or a number of bytes. */
export interface Kernel {
  flat(
    rows: number,
    count: number,
    stride: number,
    queries: number,
    queryCount: number,
    orders: number,
    mask: number,
    maskStep: number,
    scores: number,
    tops: number,
  ): void
  int8(
    rows: number,
    count: number,
    stride: number,
    query: number,
    scales: number,
    orders: number,
    mask: number,
    scores: number,
    top: number,
  ): void
  binary(
    rows: number,
    count: number,
    size: number,
    query: number,
    orders: number,
    mask: number,
    scores: number,
    top: number,
  ): void
  rescore(addresses: number, count: number, stride: number, query: number, out: number): void
  select(scores: number, count: number, orders: number, top: number): void
  finish(top: number): number
}

/** Bytes of a top, and of the room for the scores of a block: the constants of kernel.as.ts. */
export const TOP_BYTES = 16
export const SCORES_BYTES = 2 * 512 * 4

/** The memory of one index of vectors. */
export class KernelMemory extends LinearMemory<Kernel> {
  constructor() {
    super(kernelBase64, {
      full: "an exact index cannot hold more than 4 GiB of vectors: use index hnsw or usearch, or several indexes",
      exhausted: "out of memory for vectors: use a smaller index or a machine with more",
    })
  }
}
