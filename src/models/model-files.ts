import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { RankineError } from "../core/errors.js"

/**
 * A JSON file of a model's folder as an object or list; `undefined` where the file is not there.
 * Throws `data` where it is malformed, `storage` where it cannot be read.
 */
export async function readModelJson(folder: string, name: string): Promise<Record<string, unknown> | undefined> {
  const path = join(folder, name)
  let text: string
  try {
    text = await readFile(path, "utf8")
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw new RankineError("storage", `${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new RankineError("data", `${path} is not valid JSON: copy it from the model's repository again`, { cause })
  }
  if (typeof value !== "object" || value === null)
    throw new RankineError("data", `${path} holds no JSON object: copy it from the model's repository again`)
  return value as Record<string, unknown>
}
