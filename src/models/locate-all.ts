/** Lists the models that are on this machine. @module */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { embeddedModel, embeddedModels } from "./embedded.js"
import { isWholeModel, transformersCache } from "./hub.js"
import { defaultModelsDir, hubCache, isModel, type LocateOptions, snapshotsOf } from "./locate.js"

export interface LocalModel {
  /** What `locateModel` finds it by. */
  readonly name: string
  readonly folder: string
}

/**
 * The package's own models, those in the folder of local models, and those in the caches of Hugging Face's tools and of
 * @huggingface/transformers; of a name that is in several places the one that `locateModel` would find.
 */
export async function localModels(options: LocateOptions = {}): Promise<LocalModel[]> {
  const found = new Map<string, string>()
  const add = (name: string, folder: string) => {
    if (!found.has(name)) found.set(name, folder)
  }
  for (const name of embeddedModels) {
    try {
      add(name, embeddedModel(name))
    } catch {
      // A copy of the package without its assets.
    }
  }
  const modelsDir = options.modelsDir ?? defaultModelsDir()
  for (const [name, folder] of await folders(modelsDir, isModel)) add(name, folder)
  for (const entry of await namesIn(hubCache())) {
    const name = /^models--(.+)$/.exec(entry)?.[1]?.replace("--", "/")
    if (name === undefined) continue
    for (const snapshot of await snapshotsOf(name))
      if (await isModel(snapshot)) {
        add(name, snapshot)
        break
      }
  }
  const cache = transformersCache()
  if (cache !== undefined) for (const [name, folder] of await folders(cache, isWholeModel)) add(name, folder)
  return [...found].map(([name, folder]) => ({ name, folder }))
}

/** Models in a folder, and in folders of organisations inside it. */
async function folders(root: string, test: (folder: string) => Promise<boolean>): Promise<[string, string][]> {
  const models: [string, string][] = []
  for (const name of await namesIn(root)) {
    const folder = join(root, name)
    if (await test(folder)) models.push([name, folder])
    else
      for (const inner of await namesIn(folder))
        if (await test(join(folder, inner))) models.push([`${name}/${inner}`, join(folder, inner)])
  }
  return models
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [] as string[])
  return names.filter((name) => !name.startsWith(".")).sort()
}
