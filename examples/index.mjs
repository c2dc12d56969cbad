// An index that is built once, saved, loaded, and changed without being rebuilt.
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Bm25Index } from "rankine"

const directory = await mkdtemp(join(tmpdir(), "rankine-example-"))
try {
  const built = await Bm25Index.build(
    [
      { id: "watt", title: "Steam engine", text: "Watt's separate condenser kept the cylinder hot." },
      { id: "carnot", title: "Heat engine", text: "No engine is more efficient than a reversible one." },
      { id: "linde", title: "Refrigerator", text: "A heat pump moves heat from a cold place to a warm one." },
    ],
    { analyzer: "english", k1: 0.9, b: 0.4 },
  )
  await built.save(directory)

  const index = await Bm25Index.load(directory)
  await index.add([{ id: "rankine", title: "Rankine cycle", text: "The cycle of steam engines with a condenser." }])
  await index.delete(["watt"])

  const [ranking] = await index.retrieve([{ id: "q1", text: "condensers of steam engines" }], {
    topK: 3,
    explain: true,
  })
  for (const { id, score, explanation } of ranking.hits) {
    console.log(`${score.toFixed(4)}  ${id}`)
    for (const { value, description } of explanation.details) console.log(`    ${value.toFixed(4)}  ${description}`)
  }
  console.log(index.stats)
} finally {
  await rm(directory, { recursive: true, force: true })
}
