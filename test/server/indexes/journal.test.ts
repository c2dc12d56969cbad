import { appendFile, mkdtemp, open, readFile, rm, stat, truncate } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type Change, Journal } from "../../../server/indexes/journal.js"

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-journal-"))
  path = join(folder, "journal.bin")
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const changes: readonly Change[] = [
  { kind: "add", documents: [{ id: "ä", text: "Swifts sleep — 𝒻lying" }] },
  { kind: "delete", ids: ["ä", "b"] },
  { kind: "replace", documents: [] },
]

async function written(): Promise<number[]> {
  const { journal } = await Journal.open(path)
  const ends: number[] = []
  for (const change of changes) {
    await journal.append([change])
    ends.push(journal.bytes)
  }
  await journal.close()
  return ends
}

describe("a journal", () => {
  it("gives back what was appended, one by one or together", async () => {
    await written()
    const { journal, changes: read } = await Journal.open(path)
    expect(read).toEqual(changes)
    await journal.append(changes)
    expect(journal.bytes).toBe((await stat(path)).size)
    await journal.close()
    const again = await Journal.open(path)
    expect(again.changes).toEqual([...changes, ...changes])
    await again.journal.clear()
    await again.journal.append([changes[1]!])
    await again.journal.close()
    const last = await Journal.open(path)
    expect(last.changes).toEqual([changes[1]])
    await last.journal.close()
  })

  it("drops a last record that was cut anywhere, and goes on behind the one before", async () => {
    const ends = await written()
    const whole = await readFile(path)
    for (let length = ends[1]! + 1; length < ends[2]!; length++) {
      await truncate(path, 0)
      await appendFile(path, whole.subarray(0, length))
      const { journal, changes: read } = await Journal.open(path)
      expect(read).toEqual(changes.slice(0, 2))
      await journal.append([changes[0]!])
      await journal.close()
      const again = await Journal.open(path)
      expect(again.changes).toEqual([changes[0], changes[1], changes[0]])
      await again.journal.close()
    }
  })

  it("names damage that no crash explains", async () => {
    const ends = await written()
    const file = await open(path, "r+")
    await file.write(Buffer.from("?"), 0, 1, ends[0]! + 12)
    await file.close()
    await expect(Journal.open(path)).rejects.toMatchObject({ code: "index-corrupt" })
    // In the last record it cannot be told from a write that was cut short by a power failure.
    const last = await open(path, "r+")
    await last.truncate(ends[1]!)
    await last.close()
    const { journal, changes: read } = await Journal.open(path)
    expect(read).toEqual(changes.slice(0, 1))
    await journal.close()
  })
})
