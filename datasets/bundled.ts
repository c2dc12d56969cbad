/** Judged collections that the package carries. @module */
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { RankineError } from "../src/core/errors.js"
import { type FormOptions, openBeir } from "./beir.js"
import type { Dataset } from "./dataset.js"
import { directorySource } from "./source.js"

export type BundledName = "mbpp"

/**
 * Opens a collection from the package's own `assets`. `mbpp`: 974 programming problems in English (the queries) and their solutions in
 * Python (the documents), CC BY 4.0, after Austin et al., "Program Synthesis with Large Language Models", 2021.
 * Throws `not-found` for another name, a split that is not there, or when the package was copied without its assets.
 */
export async function openBundled(name: BundledName = "mbpp", options: FormOptions = {}): Promise<Dataset> {
  const folder = join(packageRoot(), "assets", name)
  if (name !== "mbpp" || !existsSync(folder))
    throw new RankineError(
      "not-found",
      `no bundled collection "${name}"; there is: mbpp (in the package's assets folder)`,
    )
  const source = await directorySource(folder)
  // Where the package lies says nothing about the collection, and differs between machines.
  return openBeir({ ...source, label: `assets/${name}` }, { ...options, name })
}

/** Compiled files lie one level deeper than their sources: the package's manifest tells where its top is. */
function packageRoot(): string {
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
