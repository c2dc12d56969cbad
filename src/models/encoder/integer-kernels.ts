/** Whether a processor's integer products are exact. @module */
import { GraphBuilder } from "../../onnx/graph.js"
import { sharedPool, type WorkerPool } from "../../onnx/pool.js"
import { createSession } from "../../onnx/session.js"
import { tensor } from "../../onnx/tensor.js"

const DEPTH = 64

const known = new WeakMap<WorkerPool, Promise<7 | 8>>()

/**
 * Bits that activations may have: 8 where the sum of two products of 8-bit integers is exact. x86 processors without VNNI sum them
 * in 16 bits, which saturates, and ONNX Runtime leaves it to its callers to use 7 bits there. Asked once of each pool, by a product.
 */
export function activationBits(pool: WorkerPool = sharedPool()): Promise<7 | 8> {
  let bits = known.get(pool)
  if (!bits) {
    bits = probe(pool)
    known.set(pool, bits)
    // What failed once may work the next time.
    bits.catch(() => known.delete(pool))
  }
  return bits
}

async function probe(pool: WorkerPool): Promise<7 | 8> {
  const graph = new GraphBuilder("probe")
  const codes = graph.input("codes", "uint8", ["rows", DEPTH])
  const weights = graph.initializer("weights", "int8", [DEPTH, DEPTH], new Uint8Array(DEPTH * DEPTH).fill(127))
  graph.output(graph.op("MatMulInteger", [codes, weights]), "sums")
  const session = await createSession(graph.toModel(), { device: "cpu", threads: 1, pool })
  try {
    const { sums } = await session.run({ codes: tensor("uint8", new Uint8Array(8 * DEPTH).fill(255), [8, DEPTH]) })
    return (sums.data as Int32Array).every((sum) => sum === 255 * 127 * DEPTH) ? 8 : 7
  } finally {
    await session[Symbol.asyncDispose]()
  }
}
