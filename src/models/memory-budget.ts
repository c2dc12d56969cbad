/** Says before a model is loaded that it will not fit, instead of being ended by the system while it loads. @module */
import { stat } from "node:fs/promises"
import { freemem } from "node:os"
import { basename } from "node:path"
import { RankineError } from "../core/errors.js"

export interface MemoryOptions {
  /** Bytes that a model may take; `Infinity` loads it in any case. Default: what the system, or the container, has free. */
  readonly availableMemory?: number
}

/** What a model takes beside its weights: the runtime itself, and the largest batch. */
const BESIDE = 64 * 2 ** 20

/**
 * Throws `model` where weights of these files will not fit into memory.
 *
 * @param growth bytes in memory for each byte in the files: 2 where half-precision weights become float32, a fraction where they are quantised
 * @param copies workers that each hold the weights
 */
export async function checkMemory(
  files: readonly string[],
  options: MemoryOptions & { readonly growth?: number; readonly copies?: number } = {},
): Promise<void> {
  const { growth = 1, copies = 1, availableMemory = freeMemory() } = options
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size))
  const stored = sizes.reduce((sum, size) => sum + size, 0)
  const needed = stored * growth * copies + BESIDE
  if (needed <= availableMemory) return
  throw new RankineError(
    "model",
    `${basename(files[0] ?? "the model")} would take about ${megabytes(needed)} and ${megabytes(availableMemory)} are free: close other ` +
      "programs, take a smaller model, or load it with precision int8 or int4-weights" +
      (copies > 1 ? `, or with fewer than ${copies} workers` : ""),
    { details: { needed, available: availableMemory, stored } },
  )
}

/** What can be had without pushing others out; in a container, what is left of its share. */
function freeMemory(): number {
  return Math.min(process.availableMemory?.() ?? Number.POSITIVE_INFINITY, Math.max(freemem(), 0))
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`
}
