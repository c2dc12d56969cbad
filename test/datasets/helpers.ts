import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { deflateRawSync } from "node:zlib"
import { afterAll } from "vitest"
import { RankineError } from "../../src/core/errors.js"

/** The data that lies beside a checkout of the repository; tests that need it are skipped where it is absent. */
export const sharedData = join(import.meta.dirname, "../../../shared/data")

const folders: string[] = []
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A fresh folder with these files; it goes with the tests. */
export function folderWith(files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "rankine-test-"))
  folders.push(folder)
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  return folder
}

export function jsonl(...records: readonly unknown[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join("")
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const result: T[] = []
  for await (const item of items) result.push(item)
  return result
}

/** The RankineError that a call throws. */
export async function failure(call: () => unknown): Promise<RankineError> {
  try {
    await call()
  } catch (thrown) {
    if (thrown instanceof RankineError) return thrown
    throw thrown
  }
  throw new Error("nothing was thrown")
}

export const beirFiles = {
  "corpus.jsonl": jsonl(
    { _id: "d1", title: "Steam", text: "Steam engines turn heat into work." },
    { _id: "d2", title: "", text: "Rankine wrote on heat.", metadata: { url: "http://example.org" } },
    { _id: "q1", title: "", text: "heat engines" },
    { _id: "d4", title: "", text: "" },
  ),
  "queries.jsonl": jsonl(
    { _id: "q1", text: "heat engines" },
    { _id: "q2", text: "who wrote on heat", answers: ["Rankine"] },
    { _id: "q3", text: "never judged" },
  ),
  "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t2\nq2\td2\t2\nq2\tgone\t1\nq9\td1\t1\n",
}

/** A zip archive; `names` may be paths that no honest archive holds. Entries are deflated. */
export function zip(files: Readonly<Record<string, string>>, attributes = 0): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [path, text] of Object.entries(files)) {
    const name = Buffer.from(path)
    const content = Buffer.from(text)
    const packed = deflateRawSync(content)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(0x800, 2)
    common.writeUInt16LE(8, 4)
    common.writeUInt16LE(0x21, 8)
    common.writeUInt32LE(crc32(content), 10)
    common.writeUInt32LE(packed.length, 14)
    common.writeUInt32LE(content.length, 18)
    common.writeUInt16LE(name.length, 22)
    const local = Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), common, name, packed])
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(attributes, 6)
    tail.writeUInt32LE(offset, 10)
    const madeBy = Buffer.from([20, 3])
    directory.push(Buffer.concat([Buffer.from("PK\x01\x02", "latin1"), madeBy, common, tail, name]))
    parts.push(local)
    offset += local.length
  }
  const entries = Buffer.concat(directory)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(directory.length, 4)
  end.writeUInt16LE(directory.length, 6)
  end.writeUInt32LE(entries.length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...parts, entries, Buffer.from("PK\x05\x06", "latin1"), end])
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}
