/** The page for the documentation, with its plot. @module */
import { writeFile } from "node:fs/promises"
import { basename } from "node:path"
import { drawGrowth } from "./plot.mjs"
import { renderNeural } from "./report.mjs"

const introduction = `# Neural retrieval and reranking: speed and quality

Written by \`npm run bench:neural -- --write FILE\`; do not edit. What is measured and why it is fair: [bench/README.md](../bench/README.md).

- *tokens/s*: tokens of the texts, special ones included and padding not, divided by the time from texts to vectors or scores: the same count for every engine.
- *ours is*: our speed divided by the engine's in the same round: median with the lowest and highest ratio.
- *peak*: highest resident memory of the engine's process, runtime and model included.
- *p50*, *p99*: one query in a call, from its text to its ranking.
- What is not measured is named with the reason.`

/** Writes `file` and, where the result has the part growth, the plot beside it. */
export async function writePage(file, result, marks) {
  const growth = result.parts.growth
  const plotFile = file.replace(/\.md$/, "-memory.svg")
  const drawn = growth?.rows.some(({ samples }) => samples)
  if (drawn) await writeFile(plotFile, await drawGrowth(growth))
  const settings = drawn ? { plot: basename(plotFile) } : {}
  await writeFile(file, `${introduction}\n\n${renderNeural(result, marks, settings)}`)
}
