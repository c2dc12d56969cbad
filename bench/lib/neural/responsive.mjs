/** Does the main thread stay free while models run? @module */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { rowOf } from "./child.mjs"
import { cacheFolder, crossEncoderFolder, miniLmFolder, smallModels } from "./folders.mjs"
import { pieces } from "./pieces.mjs"
import { prepareSet } from "./texts.mjs"

const SHORT_TEXTS = 100_000

/** Measures every phase in a process of its own; returns plain data. */
export async function runResponsive(options) {
  const scifact = await prepareSet("scifact", options.limit)
  const pairs = await prepareSet("pairs", options.limit)
  const count = Math.min(SHORT_TEXTS, (options.limit ?? SHORT_TEXTS) * 20)
  const short = join(cacheFolder, `texts-${count}.json`)
  await writeFile(short, JSON.stringify({ texts: await pieces(count, options) }))
  const miniLm = miniLmFolder()
  const phases = [
    [`a dense index of ${scifact.items} abstracts is built (all-MiniLM-L6-v2)`, "build", miniLm, scifact.file, 256],
    [`${scifact.items} queries are embedded and searched (all-MiniLM-L6-v2)`, "search", miniLm, scifact.file, 256],
    [`${pairs.items} pairs are reranked (cross-encoder)`, "rerank", crossEncoderFolder, pairs.file, 512],
    [`${scifact.items} abstracts are embedded (splade-tiny)`, "sparse", smallModels["splade-tiny"], scifact.file, 256],
    [
      `a dense index of ${count.toLocaleString("en")} short texts is built (potion-base-4M-int8)`,
      "build-static",
      smallModels["potion-base-4M-int8"],
      short,
    ],
  ]
  const rows = []
  for (const [name, phase, folder, file, maxLength] of phases) {
    options.onStatus?.(`responsive: ${name}`)
    rows.push(
      folder === undefined
        ? { name, absent: "the model's files are not here" }
        : await rowOf(name, "responsive.mjs", { phase, folder, file, maxLength }, options),
    )
  }
  return { rows }
}
