// Order texts by how well they answer a question, with the models that the package carries.
import { rerank } from "rankine"

const { hits, scoreKind, usage } = await rerank("how do birds sleep?", [
  "Heat pumps move warmth from outside to inside.",
  "Swifts sleep while they fly, one half of the brain at a time.",
  "Birds of prey hunt by day, owls by night.",
])
for (const { index, score, text } of hits) console.log(`${score.toFixed(3)}  [${index}]  ${text}`)
console.log(`${scoreKind}, ${usage.promptTokens} tokens read`)
