import { readFile } from "node:fs/promises"
import { parse } from "yaml"
import { z } from "zod"
import { RankineError } from "../../src/core/index.js"
import { Prompt } from "./prompt.js"
import { promptSchema } from "./schema.js"

const loaded = new Map<string, Promise<Prompt>>()

/**
 * A prompt by the name of a method, or from a YAML file of one's own (a path that ends in .yaml or .yml). Each is read once.
 *
 * @throws RankineError `not-found` where there is no such prompt, `configuration` naming the field that does not fit
 */
export function loadPrompt(nameOrPath: string): Promise<Prompt> {
  let known = loaded.get(nameOrPath)
  if (!known) {
    known = read(nameOrPath)
    loaded.set(nameOrPath, known)
    // A file that was wrong may be right the next time.
    known.catch(() => loaded.delete(nameOrPath))
  }
  return known
}

async function read(nameOrPath: string): Promise<Prompt> {
  const own = !/\.ya?ml$/.test(nameOrPath)
  if (own && !/^[a-z0-9][a-z0-9.-]*$/.test(nameOrPath))
    throw new RankineError("not-found", `there is no prompt "${nameOrPath}": name one of Rankine's, or a .yaml file`)
  let text: string
  try {
    text = await readFile(own ? new URL(`./${nameOrPath}.yaml`, import.meta.url) : nameOrPath, "utf8")
  } catch (cause) {
    throw new RankineError("not-found", `the prompt "${nameOrPath}" cannot be read: check its name or path`, { cause })
  }
  return parsePrompt(text, nameOrPath)
}

/** Throws `configuration` naming `file` and the field that does not fit. */
export function parsePrompt(yaml: string, file: string): Prompt {
  let content: unknown
  try {
    content = parse(yaml)
  } catch (cause) {
    throw new RankineError("configuration", `${file} is not YAML: ${(cause as Error).message}`, { cause })
  }
  const result = promptSchema.safeParse(content)
  if (!result.success)
    throw new RankineError("configuration", `${file} is not a prompt:\n${z.prettifyError(result.error)}`)
  return new Prompt(result.data)
}
