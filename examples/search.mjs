// The shortest use: a question, a folder, an answer. The index stays in memory for the next question.
import { fileURLToPath } from "node:url"
import { search } from "rankine"

const docs = fileURLToPath(new URL("../docs", import.meta.url))

for (const question of ["how do I get CUDA?", "what does exit code 7 mean?"]) {
  const { hits } = await search(question, { in: docs, topK: 3 })
  console.log(question)
  for (const { document, score } of hits) console.log(`  ${score.toFixed(3)}  ${document.id}  ${document.title}`)
}
