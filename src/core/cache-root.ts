import { homedir } from "node:os"
import { join } from "node:path"

/** The folder of everything that may be fetched or computed again: RANKINE_CACHE, else `~/.cache/rankine`. */
export function cacheRoot(): string {
  return process.env.RANKINE_CACHE || join(homedir(), ".cache", "rankine")
}
