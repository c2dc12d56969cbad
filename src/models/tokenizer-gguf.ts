/** The tokenizer that a GGUF file carries in its metadata. @module */
import { RankineError } from "../core/errors.js"
import type { GgufFile } from "./checkpoint/gguf-file.js"
import { createTokenizer, type Tokenizer } from "./tokenizer.js"
import { byteLevelParts } from "./tokenizer-gguf-bytes.js"
import { sentencePieceParts } from "./tokenizer-gguf-pieces.js"
import { CONTROL, type GgufVocabulary, readGgufVocabulary, UNKNOWN, USER_DEFINED } from "./tokenizer-gguf-vocabulary.js"

/** What the two files of a tokenizer hold. */
export interface TokenizerFiles {
  /** tokenizer.json */
  readonly tokenizer: Record<string, unknown>
  /** tokenizer_config.json: names of special tokens, the chat template, the longest text. */
  readonly config: Record<string, unknown>
}

/**
 * The tokenizer of a GGUF file: SentencePiece's BPE (`tokenizer.ggml.model` is `llama`) or byte-level BPE (`gpt2`).
 * @throws RankineError `model` for other kinds of tokenizers and unknown ways to split texts, naming them; `data` where parts are missing
 */
export function ggufTokenizer(file: GgufFile): Tokenizer {
  const { tokenizer, config } = ggufTokenizerFiles(file)
  return createTokenizer(tokenizer, config, `the tokenizer of ${file.files[0]}`)
}

/** The same as the objects that tokenizer.json and tokenizer_config.json would hold. */
export function ggufTokenizerFiles(file: GgufFile): TokenizerFiles {
  const vocabulary = readGgufVocabulary(file)
  const kind = file.values.get("tokenizer.ggml.model")
  if (kind !== "llama" && kind !== "gpt2")
    throw new RankineError(
      "model",
      `${file.files[0]}: tokenizer.ggml.model ${JSON.stringify(kind)} is not supported (llama and gpt2 are)`,
    )
  const parts = kind === "llama" ? sentencePieceParts(file, vocabulary) : byteLevelParts(file, vocabulary)
  const begins = flag(file, "add_bos_token") ?? parts.addsBegin
  const ends = flag(file, "add_eos_token") ?? false
  const tokenizer = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens(vocabulary),
    normalizer: parts.normalizer,
    pre_tokenizer: parts.preTokenizer,
    post_processor: template(vocabulary, begins ? "bos" : undefined, ends ? "eos" : undefined),
    decoder: parts.decoder,
    model: parts.model,
  }
  return { tokenizer, config: configOf(file, vocabulary, begins, ends) }
}

function flag({ values }: GgufFile, name: string): boolean | undefined {
  const value = values.get(`tokenizer.ggml.${name}`)
  return typeof value === "boolean" ? value : undefined
}

/** Found in texts as they stand, before anything else is done to them. */
function addedTokens({ tokens, types }: GgufVocabulary): object[] {
  const found: object[] = []
  tokens.forEach((content, id) => {
    const special = types[id] === CONTROL || types[id] === UNKNOWN
    if (content === "" || !(special || types[id] === USER_DEFINED)) return
    found.push({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special })
  })
  return found
}

function template({ tokens, special }: GgufVocabulary, begin: "bos" | undefined, end: "eos" | undefined): object {
  const used: Record<string, object> = {}
  const mark = (kind: "bos" | "eos" | undefined, typeId: 0 | 1) => {
    const id = kind && special[kind]
    if (id === undefined) return []
    const token = tokens[id]!
    used[token] = { id: token, ids: [id], tokens: [token] }
    return [{ SpecialToken: { id: token, type_id: typeId } }]
  }
  const around = (text: "A" | "B", typeId: 0 | 1) => [
    ...mark(begin, typeId),
    { Sequence: { id: text, type_id: typeId } },
    ...mark(end, typeId),
  ]
  const single = around("A", 0)
  return { type: "TemplateProcessing", single, pair: [...single, ...around("B", 1)], special_tokens: used }
}

function configOf(file: GgufFile, { tokens, special }: GgufVocabulary, begins: boolean, ends: boolean) {
  const names = Object.fromEntries(Object.entries(special).map(([kind, id]) => [`${kind}_token`, tokens[id]]))
  const length = file.values.get(`${String(file.values.get("general.architecture"))}.context_length`)
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    ...names,
    add_bos_token: begins,
    add_eos_token: ends,
    clean_up_tokenization_spaces: false,
    ...(typeof length === "number" ? { model_max_length: length } : {}),
    ...chatTemplate(file),
  }
}

/** One template, or several by name, the first of them `default`. */
function chatTemplate({ values }: GgufFile): { chat_template?: string | { name: string; template: string }[] } {
  const plain = values.get("tokenizer.chat_template")
  const named = [...values].flatMap(([key, value]) => {
    const name = /^tokenizer\.chat_template\.(.+)$/.exec(key)?.[1]
    return name !== undefined && typeof value === "string" ? [{ name, template: value }] : []
  })
  if (named.length > 0)
    return {
      chat_template: typeof plain === "string" ? [{ name: "default", template: plain }, ...named] : named,
    }
  return typeof plain === "string" ? { chat_template: plain } : {}
}
