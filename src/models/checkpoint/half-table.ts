import { float16 } from "./tensor-type.js"

let table: Float32Array | undefined

/** The value of each of the 65536 half floats, by its bits; made when first asked for. */
export function halfTable(): Float32Array {
  return (table ??= float16(Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits)))
}
