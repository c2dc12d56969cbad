/** Our own build: dist/, or the one that RANKINE_BENCH_DIST names. @module */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

export const rootFolder = fileURLToPath(new URL("../..", import.meta.url))

const distFolder = () => process.env.RANKINE_BENCH_DIST || join(rootFolder, "dist")

export const hasOurs = (path) => existsSync(join(distFolder(), path))

/** A module of ours, by its path in dist; undefined where this build has no such module. */
export async function ours(path) {
  if (!hasOurs(path)) return undefined
  return import(pathToFileURL(join(distFolder(), path)).href)
}

export const ourVersion = JSON.parse(readFileSync(join(rootFolder, "package.json"), "utf8")).version
