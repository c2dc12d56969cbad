import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
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
