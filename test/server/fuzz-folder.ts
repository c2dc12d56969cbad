import { mkdtempSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"

/** A new folder for a file of tests, removed after it. */
export function withFolder(prefix: string): () => string {
  let folder: string | undefined
  afterAll(async () => {
    if (folder) await rm(folder, { recursive: true, force: true })
  })
  return () => (folder ??= mkdtempSync(join(tmpdir(), prefix)))
}
