/** Judged collections that the package carries. @module */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { RankineError } from "../src/core/errors.js"
import { packageRoot } from "../src/core/package-root.js"
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
