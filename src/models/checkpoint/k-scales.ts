import { halfTable } from "./half-table.js"

/**
 * The scales and offsets of the eight parts of a Q4_K or Q5_K block that begins at `at`.
 *
 * Two half floats, for scales and for offsets, multiply 6-bit integers in 12 bytes: the first four of each are the lower six bits of
 * bytes 0 to 3 and 4 to 7, the others have four bits in bytes 8 to 11 and two in the upper bits of those.
 */
export function kScales(bytes: Uint8Array, at: number, scales: Float64Array, offsets: Float64Array): void {
  const halves = halfTable()
  const scale = halves[bytes[at] | (bytes[at + 1] << 8)]
  const offset = halves[bytes[at + 2] | (bytes[at + 3] << 8)]
  for (let part = 0; part < 4; part++) {
    const first = bytes[at + 4 + part]
    const second = bytes[at + 8 + part]
    const third = bytes[at + 12 + part]
    scales[part] = scale * (first & 63)
    offsets[part] = -offset * (second & 63)
    scales[part + 4] = scale * ((third & 15) | ((first >> 6) << 4))
    offsets[part + 4] = -offset * ((third >> 4) | ((second >> 6) << 4))
  }
}
