/** Rows of vectors on disk: the chunks of a matrix, each a section with its checksum. @module */
import { RankineError } from "../../src/core/errors.js"
import { bytesOf, openSections, writeSections } from "../storage/section-file.js"
import { CHUNK_ROWS, type Matrix } from "./matrix.js"

export async function writeMatrix(path: string, matrix: Matrix): Promise<void> {
  const chunks = matrix.chunks.filter((_, index) => matrix.countOf(index) > 0)
  await writeSections(path, [
    { name: "shape", bytes: bytesOf(Uint32Array.of(matrix.dimension, matrix.count, CHUNK_ROWS)) },
    ...chunks.map(({ rows }, index) => ({
      name: `rows.${index}`,
      bytes: () => matrix.memory.u8.subarray(rows, rows + matrix.countOf(index) * matrix.stride),
    })),
  ])
}

/** Throws `index-corrupt` where the file is damaged or not of the expected shape. */
export async function readMatrix(path: string, matrix: Matrix): Promise<void> {
  const file = await openSections(path)
  try {
    const shape = await file.read("shape")
    const [dimension, count, chunkRows] = new Uint32Array(shape.buffer, shape.byteOffset, 3)
    if (dimension !== matrix.dimension || chunkRows !== CHUNK_ROWS)
      throw new RankineError("index-corrupt", "the vectors of the index have another shape: build the index again")
    matrix.resize(count!)
    for (const [index, { rows }] of matrix.chunks.entries()) {
      const bytes = matrix.countOf(index) * matrix.stride
      if (file.length(`rows.${index}`) !== bytes)
        throw new RankineError("index-corrupt", "vectors are missing from the index: build the index again")
      await file.read(`rows.${index}`, matrix.memory.u8.subarray(rows, rows + bytes))
    }
  } finally {
    await file.close()
  }
}
