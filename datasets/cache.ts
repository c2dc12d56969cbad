import { cacheRoot } from "../src/core/cache-root.js"

/** Where downloads are kept: the option, `RANKINE_CACHE`, or `~/.cache/rankine`. */
export function cacheDirectory(option?: string): string {
  return option ?? cacheRoot()
}
