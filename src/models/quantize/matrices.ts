/** Matrices of a checkpoint as integers, made from its floats or taken as they are. @module */
import { RankineError } from "../../core/errors.js"
import { isBlockType } from "../checkpoint/block-type.js"
import { type EngineBlocks, engineLayouts, readEngineBlocks } from "../checkpoint/engine-blocks.js"
import { readScales, readWeights } from "../checkpoint/quantized.js"
import type { Checkpoint } from "../checkpoint/safetensors.js"
import { type BlockBits, blocksOfRows, type QuantizedBlocks, quantizeBlocks } from "./blocks.js"
import { type QuantizedRows, quantizeRows } from "./rows.js"

/** Reads matrices for a graph under construction; one that is asked for in parts is read and rounded once. */
export class Matrices {
  readonly #rows = new Map<string, Promise<QuantizedRows>>()

  constructor(private readonly checkpoint: Checkpoint) {}

  /** Integers with a scale for each row. */
  rows(stored: string): Promise<QuantizedRows> {
    let known = this.#rows.get(stored)
    if (!known) {
      known = this.#read(stored)
      this.#rows.set(stored, known)
    }
    return known
  }

  async #read(stored: string): Promise<QuantizedRows> {
    const { dtype, shape } = this.checkpoint.tensors.get(stored)!
    if (dtype !== "I8") return quantizeRows(await this.checkpoint.read(stored), shape[0])
    const bytes = await this.checkpoint.readRaw(stored)
    const codes = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    return { codes, scales: await readScales(this.checkpoint, stored) }
  }

  /** Rows `from` to `to` in blocks. */
  async blocks(stored: string, from: number, to: number, bits: BlockBits, size: number): Promise<QuantizedBlocks> {
    const { dtype, shape } = this.checkpoint.tensors.get(stored)!
    const columns = shape[1]
    if (dtype === "I8" && bits === 8) {
      const { codes, scales } = await this.rows(stored)
      return blocksOfRows(
        { codes: codes.subarray(from * columns, to * columns), scales: scales.subarray(from, to) },
        size,
      )
    }
    const values = await readWeights(this.checkpoint, stored)
    return quantizeBlocks(values.subarray(from * columns, to * columns), to - from, bits, size)
  }

  /** In what blocks the engine takes a matrix that the file keeps in blocks. */
  fileLayout(stored: string): Pick<EngineBlocks, "bits" | "blockSize"> & { readonly hasOffset: boolean } {
    const { dtype } = this.checkpoint.tensors.get(stored)!
    if (isBlockType(dtype)) return engineLayouts[dtype]
    throw new RankineError("internal", `weight ${stored} is ${dtype}, which is not in blocks`)
  }

  /** Rows `from` to `to` in the file's own blocks. */
  fileBlocks(stored: string, from: number, to: number): Promise<EngineBlocks> {
    return readEngineBlocks(this.checkpoint, stored, from, to)
  }
}
