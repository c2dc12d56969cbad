// LoRA training steps of ours, for bench/training-step.mjs: the protocol of bench/peers/training_step.py.
import { createInterface } from "node:readline"
import { ours, ourVersion } from "../../lib/ours.mjs"

const { loadTrainingModel } = await ours("src/models/training-graph/index.js")
const { createAdamW } = await ours("src/lowrank/optimizers/adamw.js")
const { loraInputs } = await ours("src/models/encoder/adapter-slot.js")

const attention = /\.(query|value|q_proj|v_proj)$/
const heads = /(^|\.)(lm_head|classifier|pooler)(\.|$)/

let model
let batch
let adapter
let optimizer

/** The numbers of a first adapter: small, and no two layers' gradients alike. */
function wave(dims, size, speed) {
  const data = Float32Array.from({ length: dims[0] * dims[1] }, (_, i) => size * Math.sin(speed * i + 1))
  return { type: "float32", dims, data }
}

const commands = {
  hello: () => ({ version: `rankine ${ourVersion}`, runtime: `node ${process.versions.node}` }),

  async load({ folder, kind, rows, length, targets, rank, threads, recompute }) {
    const modules = ({ module }) => !heads.test(module) && (targets === "all" || attention.test(module))
    model = await loadTrainingModel(folder, { device: "cpu", threads, recompute, modules })
    adapter = {}
    for (const { module, inputs, outputs } of model.layers) {
      const { a, b, scale } = loraInputs(module)
      adapter[a] = wave([rank, inputs], 0.02, 0.37)
      adapter[b] = wave([outputs, rank], 0.01, 0.23)
      adapter[scale] = { type: "float32", dims: [], data: Float32Array.of(2) }
    }
    optimizer = createAdamW({ learningRate: 1e-4 })
    const inputIds = Int32Array.from({ length: rows * length }, (_, i) => {
      return 1000 + ((i * 7919 + 13 * ((i * i) % 1009)) % (model.vocabulary - 1010))
    })
    const labels =
      kind === "encoder"
        ? Float32Array.from({ length: rows }, (_, row) => row % 2)
        : inputIds.map((id, i) => (i % length === length - 1 ? id : -100))
    batch = { rows, length, inputIds, labels }
    return { modules: model.layers.length }
  },

  async step() {
    const start = performance.now()
    const { loss, gradients } = await model.step(batch, adapter)
    const parameters = model.trained.map((name) => ({ name, data: adapter[name].data }))
    optimizer.step(parameters, gradients)
    const seconds = (performance.now() - start) / 1000
    let squares = 0
    for (const values of Object.values(gradients)) for (const value of values) squares += value * value
    return { seconds, loss, norm: Math.sqrt(squares) }
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { op, ...fields } = JSON.parse(line)
  if (op === "quit") break
  let answer
  try {
    answer = { ok: true, ...(await commands[op](fields)) }
  } catch (error) {
    answer = { ok: false, error: `${error.name}: ${error.message}` }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
process.exit(0)
