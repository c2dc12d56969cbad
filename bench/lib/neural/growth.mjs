/** Does a process that embeds and embeds grow? @module */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { rowOf } from "./child.mjs"
import { cacheFolder, miniLmFolder, smallModels } from "./folders.mjs"
import { pieces } from "./pieces.mjs"

const TEXTS = 100_000
const WORDS = 8

const models = () => [
  { name: "potion-base-4M-int8", loader: "static", folder: smallModels["potion-base-4M-int8"] },
  { name: "splade-tiny", loader: "loadSparseEncoder", folder: smallModels["splade-tiny"] },
  { name: "all-MiniLM-L6-v2", loader: "loadEmbedder", folder: miniLmFolder() },
]

/** Runs every model over the same short texts; returns plain data with samples of resident memory. */
export async function runGrowth(options) {
  const count = options.limit ?? TEXTS
  options.onStatus?.("growth: texts")
  const texts = (await pieces(count, options)).map((text) => text.split(" ").slice(0, WORDS).join(" "))
  const file = join(cacheFolder, `short-${count}.json`)
  await writeFile(file, JSON.stringify({ texts }))
  const rows = []
  for (const { name, loader, folder } of models()) {
    options.onStatus?.(`growth: ${name}`)
    rows.push(
      folder === undefined
        ? { name, absent: "its files are not here" }
        : await rowOf(name, "growth.mjs", { loader, folder, file }, options),
    )
  }
  return { texts: count, rows }
}
