// Texts to vectors, and how near they are to each other. The embedded model needs no ONNX Runtime.
import { embed } from "rankine"

const texts = ["how do birds sleep?", "Swifts sleep while they fly.", "Heat pumps move warmth."]
const { vectors, model, dimension } = await embed(texts)
const dot = (left, right) => left.reduce((sum, value, at) => sum + value * right[at], 0)
console.log(`${model}, ${dimension} dimensions`)
for (const [at, text] of texts.entries()) console.log(`${dot(vectors[0], vectors[at]).toFixed(3)}  ${text}`)
