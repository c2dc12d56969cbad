/** Turns texts into token ids as the model's own tokenizer.json says. @module */
import { join } from "node:path"
import { Tokenizer as Inner } from "@huggingface/tokenizers"
import { RankineError } from "../core/errors.js"
import { readModelJson } from "./model-files.js"
import { readTemplate, specialCount, type TemplatePiece } from "./special-token-template.js"

export interface EncodeOptions {
  /** Most tokens, special ones included; the text's end is cut. Default: no limit. */
  readonly maxLength?: number
  /** Add the special tokens. Default true. */
  readonly special?: boolean
}

export interface TokenizedText {
  readonly ids: number[]
  /** The text was longer than `maxLength` allowed. */
  readonly truncated: boolean
}

export interface TokenizedPair extends TokenizedText {
  /** Which text each token belongs to, as the model counts them. */
  readonly typeIds: number[]
  /** The query alone was too long: nothing of the document is left, and the score means little. */
  readonly queryTruncated: boolean
}

/** Ids of the special tokens that the tokenizer's files name. */
export type SpecialTokenIds = Readonly<Partial<Record<"pad" | "unk" | "cls" | "sep" | "mask" | "bos" | "eos", number>>>

export interface Tokenizer {
  /** Number of ids: the largest id and one. */
  readonly size: number
  readonly special: SpecialTokenIds
  /** `model_max_length` of tokenizer_config.json, where it is a real limit. */
  readonly maxLength: number | undefined
  /** Throws `argument` where `maxLength` leaves no room for the special tokens. */
  encode(text: string, options?: EncodeOptions): TokenizedText
  /**
   * A pair for a cross-encoder. Only the document is cut; the query is cut only where it is too long alone. Special tokens stay.
   * Throws `argument` where `maxLength` leaves no room for the special tokens.
   */
  encodePair(query: string, document: string, options: { readonly maxLength: number }): TokenizedPair
  idOf(token: string): number | undefined
  tokenOf(id: number): string | undefined
  decode(ids: readonly number[]): string
}

const MODELS: ReadonlySet<unknown> = new Set(["WordPiece", "Unigram", "BPE"])

/** Larger values of `model_max_length` mean "none". */
const NO_LIMIT = 1_000_000

/**
 * Loads the tokenizer of a model's folder: tokenizer.json, and tokenizer_config.json where there is one.
 *
 * Padding and truncation written in tokenizer.json are not applied: batches pad as little as they need, and whoever encodes says the length.
 * @throws RankineError `not-found` where the folder has no tokenizer.json, `data` where a file is malformed
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const json = await readModelJson(folder, "tokenizer.json")
  if (!json)
    throw new RankineError(
      "not-found",
      `${join(folder, "tokenizer.json")} is missing: copy it from the model's repository, or save it with ` +
        'AutoTokenizer.from_pretrained("...").save_pretrained("...")',
      { details: { folder, lookedFor: ["tokenizer.json", "tokenizer_config.json"] } },
    )
  const config = (await readModelJson(folder, "tokenizer_config.json")) ?? {}
  return createTokenizer(json, config, join(folder, "tokenizer.json"))
}

/**
 * A tokenizer from what tokenizer.json and tokenizer_config.json hold.
 * @param place where they come from, for messages
 * @throws RankineError `data` for what is malformed or of a kind that is not supported
 */
export function createTokenizer(
  json: Record<string, unknown>,
  config: Record<string, unknown>,
  place: string,
): Tokenizer {
  // An unknown kind of model would be read as a plain word list, and every id would be wrong.
  const kind = (json.model as { type?: unknown } | undefined)?.type
  if (kind !== undefined && !MODELS.has(kind))
    throw new RankineError(
      "data",
      `${place}: a model of type ${JSON.stringify(kind)} is not supported (${[...MODELS].join(", ")} are)`,
    )
  let inner: Inner
  try {
    const absent = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, added_tokens: [] }
    inner = new Inner({ ...absent, ...json }, config)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new RankineError("data", `${place} cannot be used: ${reason}`, { cause })
  }
  return wrap(inner, json, config)
}

function wrap(inner: Inner, json: Record<string, unknown>, config: Record<string, unknown>): Tokenizer {
  const idOf = (token: string) => inner.token_to_id(token)
  const template = readTemplate(json.post_processor, idOf)
  const bare: readonly TemplatePiece[] = [{ text: "A", typeId: 0 }]
  // Where a model has no token for the unknown, an unknown character has no id; it is dropped, as the original does.
  const idsOf = (text: string) =>
    inner.encode(text, { add_special_tokens: false }).ids.filter((id: number | undefined) => id !== undefined)
  const splits = splitsAtSpaces(json.pre_tokenizer)
  const firstIds = (text: string, room: number) => (splits ? idsOfBeginning(text, room, idsOf) : idsOf(text))
  let size = 0
  for (const id of inner.get_vocab().values()) size = Math.max(size, id + 1)
  return {
    size,
    special: specialIds(json, config, idOf),
    maxLength: limitOf(config.model_max_length),
    idOf,
    tokenOf: (id) => inner.id_to_token(id),
    decode: (ids) => (ids.length === 0 ? "" : inner.decode([...ids], { skip_special_tokens: true })),
    encode(text, { maxLength = Number.POSITIVE_INFINITY, special = true } = {}) {
      const pieces = special ? template.single : bare
      const room = roomFor(pieces, maxLength)
      const ids = firstIds(text, room)
      const truncated = ids.length > room
      if (truncated) ids.length = room
      return { ids: assemble(pieces, ids, []).ids, truncated }
    },
    encodePair(query, document, { maxLength }) {
      const room = roomFor(template.pair, maxLength)
      const queryIds = firstIds(query, room)
      const documentIds = firstIds(document, room)
      const queryTruncated = queryIds.length > room
      if (queryTruncated) queryIds.length = room
      const left = room - queryIds.length
      const truncated = queryTruncated || documentIds.length > left
      if (documentIds.length > left) documentIds.length = left
      return { ...assemble(template.pair, queryIds, documentIds), truncated, queryTruncated }
    },
  }
}

/** Characters for each token that is kept, of a first try at a long text. */
const CHARACTERS = 16

/**
 * The ids of a text, or of a beginning of it that has more than `room` already: a book costs no more than the page that is read.
 * The beginning ends where a word does, so that its ids are those that the whole text begins with.
 */
function idsOfBeginning(text: string, room: number, idsOf: (text: string) => number[]): number[] {
  const wordEnd = /\S[ \n\t]/g
  for (let length = room * CHARACTERS; length < text.length; length *= 4) {
    wordEnd.lastIndex = length
    const found = wordEnd.exec(text)
    if (!found) break
    const ids = idsOf(text.slice(0, found.index + 1))
    if (ids.length > room) return ids
  }
  return idsOf(text)
}

/** Words are tokenized apart from each other. */
function splitsAtSpaces(preTokenizer: unknown): boolean {
  const { type, pretokenizers, use_regex, split } = (preTokenizer ?? {}) as Record<string, unknown>
  if (type === "Sequence") return Array.isArray(pretokenizers) && pretokenizers.some(splitsAtSpaces)
  if (type === "ByteLevel") return use_regex !== false
  if (type === "Metaspace") return split !== false
  return type === "BertPreTokenizer" || type === "Whitespace" || type === "WhitespaceSplit"
}

function roomFor(pieces: readonly TemplatePiece[], maxLength: number): number {
  const room = maxLength - specialCount(pieces)
  if (!(room > 0) || (maxLength !== Number.POSITIVE_INFINITY && !Number.isInteger(maxLength)))
    throw new RankineError(
      "argument",
      `maxLength must be a whole number above ${specialCount(pieces)}, the number of special tokens; got ${maxLength}`,
    )
  return room
}

function assemble(pieces: readonly TemplatePiece[], a: readonly number[], b: readonly number[]) {
  const ids: number[] = []
  const typeIds: number[] = []
  for (const piece of pieces) {
    for (const id of "ids" in piece ? piece.ids : piece.text === "A" ? a : b) {
      ids.push(id)
      typeIds.push(piece.typeId)
    }
  }
  return { ids, typeIds }
}

/** Names as tokenizer_config.json gives them; where it is silent, the usual names, if the vocabulary has them as special tokens. */
function specialIds(
  json: Record<string, unknown>,
  config: Record<string, unknown>,
  idOf: (token: string) => number | undefined,
): SpecialTokenIds {
  const usual = {
    pad: ["[PAD]", "<pad>"],
    unk: ["[UNK]", "<unk>"],
    cls: ["[CLS]", "<s>"],
    sep: ["[SEP]", "</s>"],
    mask: ["[MASK]", "<mask>"],
    bos: ["<s>"],
    eos: ["</s>"],
  } as const
  const added = Array.isArray(json.added_tokens) ? (json.added_tokens as { content?: unknown }[]) : []
  const isAdded = new Set(added.map(({ content }) => content))
  const ids: Partial<Record<keyof typeof usual, number>> = {}
  for (const kind of Object.keys(usual) as (keyof typeof usual)[]) {
    const named = config[`${kind}_token`]
    const content = typeof named === "object" && named !== null ? (named as { content?: unknown }).content : named
    const name = typeof content === "string" ? content : usual[kind].find((token) => isAdded.has(token))
    const id = name === undefined ? undefined : idOf(name)
    if (id !== undefined) ids[kind] = id
  }
  return ids
}

function limitOf(value: unknown): number | undefined {
  return typeof value === "number" && value > 0 && value < NO_LIMIT ? Math.floor(value) : undefined
}
