/** Documents on disk, each a JSON text with a checksum of its own, read one at a time when they are shown. @module */
import { crc32 } from "node:zlib"
import type { Document } from "../../src/core/document.js"
import { RankineError } from "../../src/core/errors.js"
import type { DocumentSource } from "./document-rows.js"
import { bytesOf, openSections, writeSections } from "./section-file.js"

/** Writes documents 0 to `size` - 1, deleted ones too: numbers must keep their meaning. */
export async function writeDocuments(
  path: string,
  size: number,
  documents: Pick<DocumentSource, "get">,
): Promise<void> {
  const texts = new Rows()
  const metadata = new Rows()
  const crcs = new Uint32Array(size)
  for (let document = 0; document < size; document++) {
    const { metadata: fields, ...rest } = await documents.get(document)
    const bytes = Buffer.from(JSON.stringify(rest))
    crcs[document] = crc32(bytes)
    texts.add(bytes)
    metadata.add(fields === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(fields)))
  }
  await writeSections(path, [
    { name: "texts", bytes: texts.bytes() },
    { name: "texts.starts", bytes: bytesOf(texts.starts()) },
    { name: "texts.crcs", bytes: bytesOf(crcs) },
    { name: "metadata", bytes: metadata.bytes() },
    { name: "metadata.starts", bytes: bytesOf(metadata.starts()) },
  ])
}

/** Opens the file and keeps it open: a later save of the same folder may remove its name. */
export async function readDocuments(path: string): Promise<DocumentSource> {
  const file = await openSections(path)
  const starts = await numbers("texts.starts")
  const crcs = new Uint32Array((await file.read("texts.crcs")).buffer)
  const metadata = Buffer.from(await file.read("metadata"))
  const metadataStarts = await numbers("metadata.starts")

  async function numbers(name: string): Promise<Float64Array> {
    return new Float64Array((await file.read(name)).buffer)
  }
  const metadataOf = (position: number): Document["metadata"] => {
    const text = metadata.toString("utf8", metadataStarts[position], metadataStarts[position + 1])
    return text === "" ? undefined : (JSON.parse(text) as NonNullable<Document["metadata"]>)
  }
  return {
    async get(position) {
      const bytes = await file.readPart("texts", starts[position]!, starts[position + 1]!)
      if (crc32(bytes) !== crcs[position])
        throw new RankineError(
          "index-corrupt",
          `document ${position + 1} of the index is damaged: build the index again`,
        )
      const document = JSON.parse(Buffer.from(bytes).toString("utf8")) as Document
      const fields = metadataOf(position)
      return fields === undefined ? document : { ...document, metadata: fields }
    },
    metadata: metadataOf,
    close: () => file.close(),
  }
}

/** Byte strings one behind the other, and where each begins (float64: files grow beyond 4 GiB). */
class Rows {
  #bytes = Buffer.allocUnsafe(1 << 16)
  #length = 0
  readonly #starts: number[] = [0]

  add(row: Buffer): void {
    if (this.#length + row.length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length + row.length, 2 * this.#bytes.length))
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    row.copy(this.#bytes, this.#length)
    this.#length += row.length
    this.#starts.push(this.#length)
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  starts(): Float64Array {
    return Float64Array.from(this.#starts)
  }
}
