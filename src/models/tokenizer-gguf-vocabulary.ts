/** The vocabulary in a GGUF file's metadata. @module */
import { RankineError } from "../core/errors.js"
import type { GgufFile } from "./checkpoint/gguf-file.js"

/** Kinds of tokens, as `tokenizer.ggml.token_type` numbers them. */
export const NORMAL = 1
export const UNKNOWN = 2
export const CONTROL = 3
export const USER_DEFINED = 4
export const BYTE = 6

export interface GgufVocabulary {
  /** By id. */
  readonly tokens: readonly string[]
  readonly types: readonly number[]
  readonly special: Readonly<Partial<Record<"bos" | "eos" | "unk" | "pad" | "mask", number>>>
}

/** The parts of tokenizer.json in which the kinds of tokenizers differ. */
export interface TokenizerParts {
  readonly normalizer: object | null
  readonly preTokenizer: object | null
  readonly decoder: object
  readonly model: object
  /** A text begins with the token for that where the file does not say. */
  readonly addsBegin: boolean
}

/** Throws `data` where the file has no vocabulary. */
export function readGgufVocabulary(file: GgufFile): GgufVocabulary {
  const tokens = ggufList(file, "tokenizer.ggml.tokens", "string")
  if (tokens.length === 0) throw new RankineError("data", `${file.files[0]} carries no tokenizer`)
  const types = ggufList(file, "tokenizer.ggml.token_type", "number", tokens.length)
  const id = (name: string) => {
    const value = file.values.get(`tokenizer.ggml.${name}_token_id`)
    // What a model does not have is left out or written as the largest 32-bit number.
    return typeof value === "number" && value < tokens.length ? value : undefined
  }
  const ids = { bos: id("bos"), eos: id("eos"), unk: id("unknown"), pad: id("padding"), mask: id("mask") }
  const special = Object.fromEntries(Object.entries(ids).filter(([, value]) => value !== undefined))
  return { tokens, types: types.length > 0 ? types : tokens.map(() => NORMAL), special }
}

/** A list of the metadata; empty where it is not there. Throws `data` for other contents and another length. */
export function ggufList<Kind extends "string" | "number">(
  { values, files }: GgufFile,
  key: string,
  kind: Kind,
  length?: number,
): readonly (Kind extends "string" ? string : number)[] {
  const value = values.get(key) ?? []
  const sound = Array.isArray(value) && value.every((each) => typeof each === kind)
  if (!sound || (length !== undefined && value.length > 0 && value.length !== length))
    throw new RankineError(
      "data",
      `${files[0]}: ${key} is no list of ${length ?? ""} ${kind}s; copy or download the file again`,
    )
  return value as readonly (Kind extends "string" ? string : number)[]
}

/** By token. Of two ids of one text the first counts. */
export function idsOf(tokens: readonly string[]): Record<string, number> {
  const ids = new Map<string, number>()
  tokens.forEach((token, id) => {
    if (!ids.has(token)) ids.set(token, id)
  })
  // Assigning would lose a token that is called __proto__.
  return Object.fromEntries(ids)
}
