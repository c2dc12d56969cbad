/**
 * The program of a worker thread, as text: it starts the same from dist, from TypeScript under a test runner and from a
 * bundle, because it is no file. It needs nothing but the absolute path of onnxruntime-node, in `workerData.runtime`.
 *
 * Messages in: `{ id, kind: "create" | "run" | "release" | "hold" | "move" | "free" | "backends", ... }` and `{ kind: "drop", id }`.
 * Messages out: `{ id, value }`, `{ id, error }` or `{ id, dropped: true }`, one for each id, in the order of the ids.
 * @module
 */
export const workerSource = `"use strict"
const { parentPort, workerData } = require("node:worker_threads")

let ort
const sessions = new Map()
/** Bundles of tensors that stay here between runs, by number. */
const held = new Map()
/** Ids that have come in and have not begun; a drop takes them out. */
const waiting = new Set()
let tail = Promise.resolve()

function runtime() {
  if (!ort) {
    try {
      ort = require(workerData.runtime)
    } catch (thrown) {
      throw Object.assign(new Error(thrown.message), { unloadable: true })
    }
    ort.env.logLevel = "error"
  }
  return ort
}

const describe = ({ name, type, shape, isTensor }) => ({ name, type: isTensor ? type : "other", dims: isTensor ? shape : [] })

const arrays = {
  float32: Float32Array, float16: Uint16Array, int64: BigInt64Array, int32: Int32Array, uint8: Uint8Array, int8: Int8Array, bool: Uint8Array,
}
const sizeOf = (dims) => dims.reduce((product, size) => product * size, 1)

function bundleOf(number) {
  const bundle = held.get(number)
  if (!bundle) throw new Error("the worker lost the tensors that it held; make them again")
  return bundle
}

/** Some rows along the first axis, in the same memory. */
function view({ type, dims, data }, [from, to] = [0, dims[0]]) {
  const each = dims[0] ? data.length / dims[0] : 0
  return from === 0 && to === dims[0]
    ? new ort.Tensor(type, data, dims)
    : new ort.Tensor(type, data.subarray(from * each, to * each), [to - from, ...dims.slice(1)])
}

const kinds = {
  backends: () => ({ value: runtime().listSupportedBackends().map(({ name }) => name) }),

  async create({ session, model, options }) {
    const made = await runtime().InferenceSession.create(model, options)
    sessions.set(session, made)
    return { value: { inputs: made.inputMetadata.map(describe), outputs: made.outputMetadata.map(describe) } }
  },

  async release({ session }) {
    const released = sessions.get(session)
    sessions.delete(session)
    for (const [number, bundle] of held) if (bundle.session === session) held.delete(number)
    await released?.release()
    return { value: null }
  },

  hold({ session, bundle, tensors, writes }) {
    for (const tensor of Object.values(tensors)) tensor.data ??= new arrays[tensor.type](sizeOf(tensor.dims))
    held.set(bundle, { session, tensors, writes })
    return { value: null }
  },

  move({ from, to, pieces }) {
    const sources = bundleOf(from).tensors
    for (const [name, { data }] of Object.entries(bundleOf(to).tensors))
      for (const [source, target, length] of pieces)
        data.set(sources[name].data.subarray(source, source + length), target)
    return { value: null }
  },

  free({ bundle }) {
    held.delete(bundle)
    return { value: null }
  },

  async run({ session, feeds, outputs, options, bundles = [] }) {
    const tensors = {}
    const results = {}
    for (const { bundle, rows, reads, writes } of bundles) {
      const kept = bundleOf(bundle)
      const views = Object.fromEntries(Object.entries(kept.tensors).map(([name, tensor]) => [name, view(tensor, rows)]))
      if (reads) Object.assign(tensors, views)
      // Where both are done, ONNX Runtime is given the same memory for both, and so writes in place.
      if (writes) for (const [output, input] of Object.entries(kept.writes)) results[output] = views[input]
    }
    for (const [name, { type, dims, data }] of Object.entries(feeds)) tensors[name] = new ort.Tensor(type, data, dims)
    const loaded = sessions.get(session)
    if (!loaded) throw new Error("the worker lost the model; run it again")
    const fetches = { ...results, ...Object.fromEntries(outputs.map((name) => [name, null])) }
    Object.assign(results, await loaded.run(tensors, fetches, options))
    const value = {}
    const buffers = new Set()
    for (const name of outputs) {
      const { type, dims, data: given } = results[name]
      // Newer versions of Node have an array for halves; all versions give the bits.
      let data = type === "float16" ? new Uint16Array(given.buffer, given.byteOffset, given.length) : given
      if (ArrayBuffer.isView(data)) {
        if (data.byteLength !== data.buffer.byteLength || buffers.has(data.buffer)) data = data.slice()
        buffers.add(data.buffer)
      }
      value[name] = { type, dims: [...dims], data }
    }
    return { value, transfer: [...buffers] }
  },
}

function reply(message, transfer) {
  try {
    parentPort.postMessage(message, transfer)
  } catch {
    // Memory that belongs to ONNX Runtime cannot change threads; it is copied, here and not on the main thread.
    parentPort.postMessage(message)
  }
}

async function handle(message) {
  // A turn of the event loop, so that a drop that lies in the mailbox is read first.
  await new Promise(setImmediate)
  const { id, kind } = message
  if (!waiting.delete(id)) return parentPort.postMessage({ id, dropped: true })
  try {
    const { value, transfer = [] } = await kinds[kind](message)
    reply({ id, value }, transfer)
  } catch (thrown) {
    parentPort.postMessage({ id, error: { message: String(thrown?.message ?? thrown), unloadable: thrown?.unloadable === true } })
  }
}

parentPort.on("message", (message) => {
  if (message.kind === "drop") return void waiting.delete(message.id)
  waiting.add(message.id)
  tail = tail.then(() => handle(message))
})
`
