import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { RankineError } from "./errors.js"

/**
 * The folder of the package, where its `assets` are. Compiled files lie one level deeper than their sources, so the manifest tells where
 * the top is. Throws `not-found` where a copy of the code was taken without it.
 */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  for (;;) {
    const manifest = join(folder, "package.json")
    if (existsSync(manifest)) {
      const { name } = JSON.parse(readFileSync(manifest, "utf8")) as { name?: string }
      if (name === "rankine") return folder
    }
    const above = dirname(folder)
    if (above === folder)
      throw new RankineError(
        "not-found",
        "the package's folder was not found: its package.json is missing; reinstall rankine",
      )
    folder = above
  }
}
