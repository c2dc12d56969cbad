/** Short names for everything that decides what a model answers. @module */
import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { join } from "node:path"

/** Files beside the weights that change what a model answers. */
const FILES = ["config.json", "tokenizer.json", "tokenizer_config.json"]

/** Raise when the same files and settings begin to give other numbers, so that nothing older is taken for the same. */
const VERSION = 1

/** 32 hexadecimal digits for a kind of model and its settings: the same for equal values, whatever their order; `undefined` counts as absent. */
export function fingerprintOf(kind: string, settings: Readonly<Record<string, unknown>>): string {
  const content = JSON.stringify([VERSION, kind, settings], (_, value: unknown) => {
    if (typeof value === "number" && !Number.isFinite(value)) return String(value)
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
  return createHash("sha256").update(content).digest("hex").slice(0, 32)
}

/** Tells folders apart whose weights are the same and whose words or architecture differ. Files that are not there count as empty. */
export async function digestOfFiles(folder: string): Promise<string> {
  const hash = createHash("sha256")
  for (const name of FILES) {
    const bytes = await readFile(join(folder, name)).catch(() => new Uint8Array())
    hash.update(`${name} ${bytes.length};`).update(bytes)
  }
  return hash.digest("hex").slice(0, 32)
}
