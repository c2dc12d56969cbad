/** Changes of an index in the order in which they were made, each on disk before it is acknowledged. @module */
import { type FileHandle, open } from "node:fs/promises"
import { dirname } from "node:path"
import { crc32 } from "node:zlib"
import { type Document, RankineError } from "../../src/core/index.js"
import { storageError, syncFolder } from "./durable.js"

/** Changes that may be made twice: doing all of them again, from any state on the way, ends in the same state. */
export type Change =
  /** These documents take the place of those with their ids. */
  | { readonly kind: "add"; readonly documents: readonly Document[] }
  /** These documents are all there is. */
  | { readonly kind: "replace"; readonly documents: readonly Document[] }
  | { readonly kind: "delete"; readonly ids: readonly string[] }

/** Before every record: its length in bytes and its checksum, both unsigned and little-endian. */
const HEAD_BYTES = 8

/**
 * An append-only file of changes. A record that was cut short when the process or the machine died is the last one; it was never
 * acknowledged and is dropped. Damage anywhere before is an error.
 */
export class Journal {
  readonly #path: string
  #file: FileHandle
  #bytes: number

  private constructor(path: string, file: FileHandle, bytes: number) {
    this.#path = path
    this.#file = file
    this.#bytes = bytes
  }

  /**
   * Opens a journal, or begins one.
   *
   * @returns the journal, and what it holds
   * @throws RankineError `index-corrupt` for damage that no crash explains, `storage`
   */
  static async open(path: string): Promise<{ readonly journal: Journal; readonly changes: readonly Change[] }> {
    let file: FileHandle | undefined
    try {
      file = await open(path, "a+")
      const { changes, end, size } = readRecords(await file.readFile(), path)
      if (end < size) {
        await file.truncate(end)
        await file.sync()
      }
      await syncFolder(dirname(path))
      return { journal: new Journal(path, file, end), changes }
    } catch (cause) {
      await file?.close()
      throw storageError(path, cause)
    }
  }

  /** Of all records. */
  get bytes(): number {
    return this.#bytes
  }

  /** Writes changes; they are on disk afterwards, or, where this throws `storage`, not in the journal. */
  async append(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return
    const records = changes.flatMap((change) => {
      const content = Buffer.from(JSON.stringify(change))
      const head = Buffer.alloc(HEAD_BYTES)
      head.writeUInt32LE(content.length, 0)
      head.writeUInt32LE(crc32(content), 4)
      return [head, content]
    })
    try {
      const bytes = Buffer.concat(records)
      await this.#file.appendFile(bytes)
      await this.#file.datasync()
      this.#bytes += bytes.length
    } catch (cause) {
      // Half a record in the middle would be damage.
      await this.#file.truncate(this.#bytes)
      throw storageError(this.#path, cause)
    }
  }

  /** Forgets everything: what was changed is kept elsewhere. */
  async clear(): Promise<void> {
    try {
      await this.#file.truncate(0)
      await this.#file.datasync()
      this.#bytes = 0
    } catch (cause) {
      throw storageError(this.#path, cause)
    }
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

function readRecords(bytes: Buffer, path: string) {
  const changes: Change[] = []
  let end = 0
  while (end + HEAD_BYTES <= bytes.length) {
    const next = end + HEAD_BYTES + bytes.readUInt32LE(end)
    if (next > bytes.length) break
    const content = bytes.subarray(end + HEAD_BYTES, next)
    if (crc32(content) !== bytes.readUInt32LE(end + 4)) {
      if (next === bytes.length) break
      throw new RankineError(
        "index-corrupt",
        `${path} is damaged at byte ${end}: restore the index from a copy, or drop it and send its documents again`,
      )
    }
    changes.push(JSON.parse(content.toString("utf8")) as Change)
    end = next
  }
  return { changes, end, size: bytes.length }
}
