// A few steps of training: LoRA on the embedded encoder, its gradients written as a graph, the loss of in-batch negatives.
import { attachLora, embeddedModel, loadTokenizer, loraInputs, loraTensors, openEncoderGraph } from "rankine/models"
import { continueGraph, createSession, encodeModel, gradients, tensor } from "rankine/onnx"

const pairs = [
  ["how do swifts sleep", "Swifts rest on the wing, with one half of the brain at a time."],
  ["what does a condenser do", "Watt's separate condenser kept the cylinder hot."],
  ["moving heat uphill", "A heat pump takes warmth from a cold place to a warm one."],
  ["who measured the earth", "Eratosthenes compared the shadows of two wells."],
]

// One vector for each text, as a graph that can be extended. An export in ONNX is opened by the same call.
const folder = embeddedModel("splade-tiny")
const output = { kind: "pooled", pooling: "mean", normalize: true }
const { model, externalData, width, withTypes } = await openEncoderGraph(folder, output)
const { graph: adapted, layers } = attachLora(model.graph, { targets: ["query", "value"] })

// Queries are the first half of a batch, their documents the second; each query's own document should be the nearest.
const graph = continueGraph(adapted)
const [queries, documents] = graph.split(graph.find("output"), 2, 0)
const similarities = graph.mul(graph.matMul(queries, graph.transpose(documents, [1, 0])), 10)
const own = graph.gatherElements(graph.logSoftmax(similarities), graph.input("own", "int64", [pairs.length, 1]), 1)
graph.output(graph.neg(graph.reduceMean(own, undefined, false)), "loss")

const trained = layers.flatMap(({ module }) => [loraInputs(module).a, loraInputs(module).b])
const step = gradients(graph.graph, "loss", trained)
const session = await createSession(encodeModel({ ...model, graph: step.graph }), { externalData })

const tokenizer = await loadTokenizer(folder)
const rows = [0, 1].flatMap((side) => pairs.map((pair) => tokenizer.encode(pair[side], { maxLength: 32 }).ids))
const length = Math.max(...rows.map((ids) => ids.length))
const padded = (numbers) =>
  tensor(
    "int32",
    Int32Array.from(rows.flatMap((ids) => Array.from({ length }, (_, at) => (at < ids.length ? numbers(ids[at]) : 0)))),
    [rows.length, length],
  )
const batch = {
  input_ids: padded((id) => id),
  attention_mask: padded(() => 1),
  ...(withTypes ? { token_type_ids: padded(() => 0) } : {}),
  own: tensor(
    "int64",
    BigInt64Array.from(pairs, (_, index) => BigInt(index)),
    [pairs.length, 1],
  ),
}

const adapter = loraTensors(layers, { rank: 4, seed: 1 })
const losses = []
for (let count = 0; count < 8; count++) {
  const results = await session.run({ ...batch, ...adapter })
  losses.push(results.loss.data[0])
  step.gradients.forEach(({ name }, index) => {
    const { data, dims } = adapter[trained[index]]
    const slope = results[name].data
    adapter[trained[index]] = tensor(
      "float32",
      data.map((value, at) => value - 0.5 * slope[at]),
      dims,
    )
  })
}
console.log(`LoRA on ${layers.length} layers of a BERT of width ${width}, ${trained.length} matrices`)
console.log(`loss by step: ${losses.map((loss) => loss.toFixed(4)).join("  ")}`)
if (!(losses.at(-1) < losses[0])) throw new Error("the loss did not fall")

// One session serves the model and its adapters: with a scale of zero it is the model itself.
const scales = layers.map(({ module }) => [loraInputs(module).scale, tensor("float32", new Float32Array(1), [])])
const { loss } = await session.run({ ...batch, ...adapter, ...Object.fromEntries(scales) }, { outputs: ["loss"] })
console.log(`without the adapter: ${loss.data[0].toFixed(4)}`)
await session[Symbol.asyncDispose]()
