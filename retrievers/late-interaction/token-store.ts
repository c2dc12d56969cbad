/** The token vectors of all documents, in records that never move. @module */
import { RowIds } from "../dense/row-ids.js"
import type { Turns } from "../dense/turns.js"
import { Codec, type CodecParts, type PackedTokens } from "./codec.js"
import { KernelMemory } from "./kernel.js"

/** Records lie one behind the other in chunks; the first chunk is small, for small collections. */
const FIRST_CHUNK = 2 ** 16
const LARGEST_CHUNK = 2 ** 22

interface Chunk {
  readonly address: number
  readonly capacity: number
  used: number
}

/**
 * Rows of documents and their records. Rows and records are only ever added: a search that gives way in its middle finds everything where it
 * was. What deletions leave behind goes when the store is copied.
 */
export class TokenStore {
  readonly memory = new KernelMemory()
  readonly codec: Codec
  readonly ids = new RowIds()
  readonly chunks: Chunk[] = []
  /** By row. */
  readonly records: number[] = []
  readonly counts: number[] = []
  /** Tokens and bytes of the documents that are there. */
  tokens = 0
  bytes = 0
  /** Bytes of records whose documents are gone. */
  garbage = 0

  constructor(parts: CodecParts) {
    this.codec = new Codec(this.memory, parts)
  }

  /** Adds documents; one with an id that is there takes its place. All or none. */
  add(ids: readonly string[], packed: readonly PackedTokens[]): void {
    const records: number[] = []
    try {
      for (const { bytes } of packed) records.push(this.#place(bytes.length))
    } catch (thrown) {
      for (let i = 0; i < records.length; i++) this.garbage += packed[i].bytes.length
      throw thrown
    }
    packed.forEach(({ bytes }, index) => {
      this.memory.u8.set(bytes, records[index])
    })
    ids.forEach((id, index) => {
      this.delete(id)
      this.assign(id, records[index], packed[index].count)
    })
  }

  /** Makes a record that is in its place a document's. */
  assign(id: string, record: number, count: number): void {
    const [row] = this.ids.reserve(1, false)
    this.ids.assign(row, id)
    this.records[row] = record
    this.counts[row] = count
    this.tokens += count
    this.bytes += this.codec.recordBytes(count)
  }

  delete(id: string): boolean {
    const row = this.ids.remove(id)
    if (row === undefined) return false
    const bytes = this.codec.recordBytes(this.counts[row])
    this.tokens -= this.counts[row]
    this.bytes -= bytes
    this.garbage += bytes
    return true
  }

  /** The same documents in the same order, without what deletions left behind. */
  async copy(turns: Turns): Promise<TokenStore> {
    const twin = new TokenStore(this.codec.parts)
    for (const row of this.ids.livingRows()) {
      const count = this.counts[row]
      const record = this.records[row]
      const bytes = this.memory.u8.slice(record, record + this.codec.recordBytes(count))
      twin.add([this.ids.idOf(row)!], [{ count, bytes }])
      if (turns.due) await turns.take()
    }
    return twin
  }

  /** A new chunk of exactly this size, whose bytes the caller writes. */
  fullChunk(bytes: number): number {
    const address = this.memory.allocate(bytes)
    this.chunks.push({ address, capacity: bytes, used: bytes })
    return address
  }

  #place(bytes: number): number {
    let chunk = this.chunks.at(-1)
    if (!chunk || chunk.used + bytes > chunk.capacity) {
      const grown = Math.min(LARGEST_CHUNK, chunk ? 2 * chunk.capacity : FIRST_CHUNK)
      const capacity = Math.max(bytes, grown, FIRST_CHUNK)
      chunk = { address: this.memory.allocate(capacity), capacity, used: 0 }
      this.chunks.push(chunk)
    }
    const at = chunk.address + chunk.used
    chunk.used += bytes
    return at
  }
}
