// Two retrievers that see the text differently, fused by rank and by score.
import { Bm25Index, fuse } from "rankine"

const documents = [
  { id: "cat", text: "Cats are small carnivores kept as pets." },
  { id: "lion", text: "Lions are large cats that hunt in prides." },
  { id: "category", text: "A category theory primer with arrows." },
  { id: "pet", text: "Keeping a pet: food, vets and a good bed." },
]
const stemmed = await Bm25Index.build(documents, { analyzer: "english" })
const literal = await Bm25Index.build(documents, { analyzer: "simple" })

const byRank = fuse(stemmed, literal)
const byScore = fuse({ method: "wsum", norm: "min-max", weights: [0.7, 0.3] }, stemmed, literal)

for (const retriever of [stemmed, literal, byRank, byScore]) {
  const [ranking] = await retriever.retrieve([{ id: "q", text: "keeping cats as pets" }], { topK: 3 })
  const hits = ranking.hits.map(({ id, score }) => `${id} ${score.toFixed(3)}`)
  console.log(`${retriever.name.padEnd(20)} ${ranking.scoreKind.padEnd(12)} ${hits.join("  ")}`)
}
