/** The models that Rankine knows by name, as data: one YAML file, and a user's own beside it. @module */
import { readFile } from "node:fs/promises"
import { parse, YAMLParseError } from "yaml"
import { z } from "zod"
import { RankineError } from "../../core/errors.js"
import { type RegistryEntry, registryEntry } from "./entry.js"

export interface RegistryOptions {
  /** A YAML file of further entries, which win over those that Rankine brings. Default: the environment variable RANKINE_REGISTRY. */
  readonly registry?: string
}

/** Entries by every name they go by. A model without an entry works too: its own files say what it is. */
export interface ModelRegistry {
  readonly entries: readonly RegistryEntry[]
  /** The entry of a short name, a repository, an alias, or of a path that ends in one of them; letter case does not count. */
  find(name: string): RegistryEntry | undefined
}

/** The languages of a model that the registry knows. */
export async function knownLanguages(...names: readonly string[]): Promise<readonly string[] | undefined> {
  const registry = await loadRegistry()
  for (const name of names) {
    const entry = registry.find(name)
    if (entry) return entry.languages
  }
  return undefined
}

const own = new URL("./models.yaml", import.meta.url)
const registries = new Map<string, Promise<ModelRegistry>>()

/**
 * Reads the registry: Rankine's own entries, and those of the file asked for. It is read once for each file.
 *
 * @throws RankineError `not-found` for a file that is not there, `configuration` naming entry and field for what does not fit, or a name that two entries share
 */
export function loadRegistry(options: RegistryOptions = {}): Promise<ModelRegistry> {
  const path = options.registry ?? process.env.RANKINE_REGISTRY ?? ""
  let known = registries.get(path)
  if (!known) {
    known = read(path)
    registries.set(path, known)
    // A file that was wrong may be right the next time.
    known.catch(() => registries.delete(path))
  }
  return known
}

async function read(path: string): Promise<ModelRegistry> {
  const brought = parseRegistry(await readFile(own, "utf8"), "models.yaml")
  if (path === "") return registryOf(brought)
  let text: string
  try {
    text = await readFile(path, "utf8")
  } catch (cause) {
    throw new RankineError("not-found", `the registry ${path} cannot be read: check RANKINE_REGISTRY or the option`, {
      cause,
    })
  }
  const added = parseRegistry(text, path)
  const names = new Set(added.flatMap(namesOf))
  const kept = brought.filter((entry) => !namesOf(entry).some((name) => names.has(name)))
  return registryOf([...added, ...kept])
}

/** The entries of a YAML text. Throws `configuration` naming file, entry and field. */
export function parseRegistry(text: string, file: string): RegistryEntry[] {
  let value: unknown
  try {
    value = parse(text)
  } catch (cause) {
    const where = cause instanceof YAMLParseError ? cause.message : String(cause)
    throw new RankineError("configuration", `${file} is no YAML: ${where}`, { cause })
  }
  const list = z.array(z.unknown()).safeParse(value)
  if (!list.success)
    throw new RankineError("configuration", `${file} must be a list of models, each with name and kind`)
  const entries = list.data.map((item, index) => {
    const result = registryEntry.safeParse(item)
    if (result.success) return result.data
    const called = (item as { name?: unknown } | null)?.name
    const problems = result.error.issues.map(({ path, message }) => `${path.join(".") || "the entry"}: ${message}`)
    throw new RankineError(
      "configuration",
      `${file}, entry ${index + 1}${typeof called === "string" ? ` (${called})` : ""}: ${problems.join("; ")}`,
    )
  })
  const seen = new Map<string, string>()
  for (const entry of entries)
    for (const name of new Set(namesOf(entry))) {
      const other = seen.get(name)
      if (other !== undefined)
        throw new RankineError("configuration", `${file}: ${other} and ${entry.name} both go by the name ${name}`)
      seen.set(name, entry.name)
    }
  return entries
}

function registryOf(entries: readonly RegistryEntry[]): ModelRegistry {
  const byName = new Map<string, RegistryEntry>()
  for (const entry of entries) for (const name of namesOf(entry)) if (!byName.has(name)) byName.set(name, entry)
  return {
    entries,
    find(name) {
      const parts = name.replaceAll("\\", "/").replace(/\/+$/, "").toLowerCase().split("/")
      // Hugging Face's cache: models--organisation--name/snapshots/revision.
      const cached = parts.find((part) => part.startsWith("models--"))
      if (cached !== undefined) return byName.get(cached.split("--").slice(1).join("/"))
      return byName.get(parts.join("/")) ?? byName.get(parts.slice(-2).join("/")) ?? byName.get(parts.at(-1) ?? "")
    },
  }
}

function namesOf({ name, repository, aliases }: RegistryEntry): string[] {
  return [name, ...(repository === undefined ? [] : [repository]), ...aliases].map((each) => each.toLowerCase())
}
