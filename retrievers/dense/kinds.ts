/** The kinds of vector indexes, and how each is made. @module */
import { RankineError } from "../../src/core/errors.js"
import type { EngineFile, VectorEngine } from "./engine.js"
import { FlatEngine } from "./flat.js"
import { binaryCodec } from "./flat-binary.js"
import { int8Codec } from "./flat-int8.js"
import { HnswEngine, type HnswOptions } from "./hnsw.js"
import { QuantizedEngine } from "./quantized.js"
import { UsearchEngine, type UsearchOptions } from "./usearch.js"

/**
 * - `flat`: exact, all vectors compared. The default, and fast up to some hundred thousand vectors.
 * - `flat-int8`, `flat-binary`: candidates by short codes, scored with the whole vectors.
 * - `hnsw`: a graph in memory, by the optional package hnswlib-node.
 * - `usearch`: a graph in memory or viewed on disk, by the optional package usearch.
 */
export type IndexKind = "flat" | "flat-int8" | "flat-binary" | "hnsw" | "usearch"

export const indexKinds: readonly IndexKind[] = ["flat", "flat-int8", "flat-binary", "hnsw", "usearch"]

export interface KindOptions {
  /** Candidates per wanted result for `flat-int8` (default 2) and `flat-binary` (default 20). */
  readonly oversample?: number
  readonly hnsw?: HnswOptions
  readonly usearch?: UsearchOptions
}

const defaultOversample = { "flat-int8": 2, "flat-binary": 20 } as const

/** A new engine, or one that is read from its files. Throws `argument` for an unknown kind and options out of range. */
export async function makeEngine(
  kind: IndexKind,
  dimension: number,
  options: KindOptions,
  from?: { readonly folder: string; readonly files: readonly EngineFile[] },
): Promise<VectorEngine> {
  switch (kind) {
    case "flat":
      return from ? FlatEngine.read(from.folder, from.files, dimension) : new FlatEngine(dimension)
    case "flat-int8":
    case "flat-binary": {
      const { oversample = defaultOversample[kind] } = options
      if (!(oversample >= 1 && oversample <= 1e6))
        throw new RankineError("argument", `oversample must be a number of at least 1, got ${oversample}`)
      const codec = kind === "flat-int8" ? int8Codec(dimension) : binaryCodec(dimension)
      const engine = new QuantizedEngine(dimension, codec, oversample)
      return from ? engine.read(from.folder, from.files) : engine
    }
    case "hnsw":
      return from
        ? HnswEngine.read(from.folder, from.files, dimension, options.hnsw)
        : HnswEngine.create(dimension, options.hnsw)
    case "usearch":
      return from
        ? UsearchEngine.read(from.folder, from.files, dimension, options.usearch)
        : UsearchEngine.create(dimension, options.usearch)
    default:
      throw new RankineError("argument", `unknown index "${String(kind)}": use one of ${indexKinds.join(", ")}`)
  }
}
