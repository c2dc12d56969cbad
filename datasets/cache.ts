import { homedir } from "node:os"
import { join } from "node:path"

/** Where downloads are kept: the option, `RANKINE_CACHE`, or `~/.cache/rankine`. */
export function cacheDirectory(option?: string): string {
  return option ?? (process.env.RANKINE_CACHE || join(homedir(), ".cache", "rankine"))
}
