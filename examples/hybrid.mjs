// By words and by meaning: what each of three retrievers finds, and what their fusion makes of it.
import { buildPipeline } from "rankine/pipelines"

const documents = [
  { id: "swift", text: "Swifts slumber on the wing, one half of the brain at a time." },
  { id: "owl", text: "Owls are birds of prey; how they hunt by night is well known." },
  { id: "pump", text: "Heat pumps move warmth from outside to inside." },
]
const pipeline = await buildPipeline("hybrid", { documents: () => documents })
const [ranking] = await pipeline.retrieve([{ id: "1", text: "how do birds sleep?" }], { topK: 3, explain: true })

for (const { stage, hits } of ranking.stages)
  console.log(`${stage}: ${hits.map(({ id }) => id).join(", ") || "nothing"}`)
for (const { id, score } of ranking.hits) console.log(`${score.toFixed(3)}  ${id}`)
