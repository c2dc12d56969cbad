/** What is read and continued: token ids of Python programs from the package's own collection, the same for all engines. @module */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { ours, rootFolder } from "../../lib/ours.mjs"
import { cacheFolder } from "./engines.mjs"

const questions = [
  "What is the capital of France?",
  "Name three fruits.",
  "At what temperature does water boil?",
  "Write a Python function that adds two numbers.",
  "Who wrote Romeo and Juliet?",
  "What do owls eat?",
  "Translate 'good morning' into Spanish.",
  "Explain in one sentence what photosynthesis is.",
  "List the planets of the solar system.",
  "What is 7 times 8?",
]

/** For models that were not taught to answer. */
const beginnings = [
  "The capital of France is",
  "Water boils at a temperature of",
  "Once upon a time, in a small village by the sea,",
  "def fibonacci(n):\n",
  "The three primary colours are",
  "Photosynthesis is the process by which",
  "To search a large collection of documents quickly, one builds",
  "The steam engine was improved by James Watt, who",
  "List of planets in order from the Sun: Mercury, Venus,",
  "In conclusion, the results of the experiment show that",
]

/** `{ file, prompts, texts }` for a GGUF file: rows by name, and ten prompts for the comparison of answers. */
export async function textsOf(path, name) {
  const { openGguf } = await ours("src/models/checkpoint/gguf.js")
  const { ggufTokenizerFiles } = await ours("src/models/tokenizer-gguf.js")
  const { createTextCodec } = await ours("src/models/generation/text-codec.js")
  const model = await openGguf(path)
  const codec = createTextCodec(ggufTokenizerFiles(model.file))
  const lines = gunzipSync(readFileSync(join(rootFolder, "assets", "mbpp", "corpus.jsonl.gz")))
    .toString()
    .trim()
    .split("\n")
  const text = lines.slice(0, 200).map((line) => JSON.parse(line).text)
  const ids = codec.encode({ prompt: text.join("\n\n") })
  const rows = {
    one512: [ids.slice(0, 512)],
    eight128: Array.from({ length: 8 }, (_, at) => ids.slice(700 + at * 130, 828 + at * 130)),
    one128: [ids.slice(0, 128)],
    warm: [ids.slice(2000, 2128)],
  }
  mkdirSync(cacheFolder, { recursive: true })
  const file = join(cacheFolder, `${name}-texts.json`)
  writeFileSync(file, JSON.stringify(rows))
  const texts = codec.chatTemplate ? questions : beginnings
  const prompts = texts.map((each) =>
    codec.encode(codec.chatTemplate ? { messages: [{ role: "user", content: each }] } : { prompt: each }),
  )
  return { file, texts, prompts, textOf: (id) => codec.textOf(id), endIds: new Set(codec.specialIds) }
}

/** A folder with the weights of a GGUF file as floats, which Python reads. Written once. */
export async function floatsOf(path, name) {
  const folder = join(cacheFolder, name)
  const file = join(folder, "model.safetensors")
  if (existsSync(join(folder, "config.json"))) return folder
  const { openGguf } = await ours("src/models/checkpoint/gguf.js")
  const { writeSafetensors } = await ours("src/models/checkpoint/write-safetensors.js")
  const model = await openGguf(path)
  mkdirSync(folder, { recursive: true })
  const tensors = [...model.tensors].map(([tensor, { shape }]) => ({
    name: tensor,
    dtype: "F32",
    shape,
    bytes: async () => new Uint8Array((await model.read(tensor)).buffer),
  }))
  await writeSafetensors(file, tensors, { format: "pt" })
  writeFileSync(join(folder, "config.json"), JSON.stringify(model.config))
  return folder
}
