/** Reads tokenizer and chat template of a model's folder. @module */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { RankineError } from "../../core/errors.js"
import { readModelJson } from "../model-files.js"
import { createTextCodec, type TextCodec } from "./text-codec.js"

/**
 * The tokenizer of a folder (tokenizer.json, tokenizer_config.json) with its chat template (chat_template.jinja, chat_template.json, or the
 * one in tokenizer_config.json).
 * @param chatTemplate used instead of the model's own
 * @throws RankineError `not-found` where tokenizer.json is missing, `data` where a file is malformed
 */
export async function loadTextCodec(folder: string, chatTemplate?: string): Promise<TextCodec> {
  const tokenizer = await readModelJson(folder, "tokenizer.json")
  if (!tokenizer)
    throw new RankineError(
      "not-found",
      `${join(folder, "tokenizer.json")} is missing: copy it from the model's repository, or save it with ` +
        'AutoTokenizer.from_pretrained("...").save_pretrained("...")',
      { details: { folder, lookedFor: ["tokenizer.json", "tokenizer_config.json"] } },
    )
  const config = (await readModelJson(folder, "tokenizer_config.json")) ?? {}
  const template = chatTemplate ?? (await templateFile(folder))
  return createTextCodec({ tokenizer, config, ...(template === undefined ? {} : { chatTemplate: template }) })
}

async function templateFile(folder: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, "chat_template.jinja"), "utf8")
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT")
      throw new RankineError("storage", `${join(folder, "chat_template.jinja")} cannot be read`, { cause })
  }
  const json = await readModelJson(folder, "chat_template.json")
  return typeof json?.chat_template === "string" ? json.chat_template : undefined
}
