/** Quality, latency, memory and status of pipelines on judged collections. @module */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { rowOf } from "./child.mjs"
import { cacheFolder, dataFolder } from "./folders.mjs"
import { qualityPipelines } from "./pipelines.mjs"

/** Every model that a pipeline names, or undefined for one whose files are not there. */
function modelsOf(part) {
  if (typeof part !== "object" || part === null) return []
  return Object.entries(part).flatMap(([key, value]) => (key === "model" ? [value] : modelsOf(value)))
}

async function measureRow(name, { pipeline, absent }, data, options) {
  if (absent) return { name, absent }
  const withModel = JSON.stringify(pipeline).match(/"(dense|sparse)":/g)?.length ?? 0
  const there = modelsOf(pipeline).filter((folder) => folder !== undefined && existsSync(folder)).length
  if (there < withModel) return { name, absent: "the model's files are not here" }
  const settings = {
    data,
    pipeline,
    ...(options.cache ? { cacheDirectory: join(cacheFolder, "embeddings") } : {}),
  }
  return rowOf(name, "quality.mjs", settings, options)
}

/** Runs every pipeline on every collection, each in a process of its own; returns plain data. */
export async function runQuality(options) {
  const known = qualityPipelines(options.threads)
  const names = options.pipelines ?? Object.keys(known)
  for (const name of names)
    if (!known[name]) throw new Error(`--pipelines: there is no ${name}; there are ${Object.keys(known).join(", ")}`)
  const collections = []
  for (const collection of options.collections) {
    const data = join(dataFolder, collection)
    const rows = []
    for (const name of names) {
      options.onStatus?.(`quality: ${collection}, ${name}`)
      rows.push(
        existsSync(data)
          ? await measureRow(name, known[name], data, options)
          : { name, absent: `there is no ${collection} in the data folder` },
      )
    }
    collections.push({ name: collection, rows })
  }
  return { collections }
}
