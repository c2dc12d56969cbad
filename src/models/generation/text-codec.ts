/** Texts and conversations to tokens, and tokens to texts, as a language model's own files say. @module */
import { Tokenizer as Inner } from "@huggingface/tokenizers"
import { RankineError } from "../../core/errors.js"
import { ChatTemplate } from "./chat-template.js"
import type { ChatPrompt, Message, PlainPrompt, PromptInput, PromptPart } from "./language-model.js"
import { breakReserved, reservedTexts, unusedMark } from "./reserved-text.js"

type Json = Readonly<Record<string, unknown>>

export interface TextCodecFiles {
  /** tokenizer.json, or the same made from the metadata of a GGUF file. */
  readonly tokenizer: Json
  /** tokenizer_config.json. */
  readonly config?: Json
  /** Wins over the one in `config`. */
  readonly chatTemplate?: string
}

export interface TextCodec {
  /** Number of ids: the largest id and one. */
  readonly size: number
  readonly specialIds: ReadonlySet<number>
  /** Ids of the tokens that `config` names as `eos_token` and the like; the end of a turn where the template has one. */
  readonly endId: number | undefined
  readonly chatTemplate: ChatTemplate | undefined
  /** Ids of a prompt, and of a foreign text right after it. Throws `model` for a conversation where there is no template. */
  encode(input: PromptInput, continuation?: string): number[]
  /** Ids of a text in which special tokens are plain, without tokens at its ends. */
  encodePlain(text: string): number[]
  /** Special tokens are left out. */
  decode(ids: readonly number[]): string
  /** The text of one token, a space before a word included; special tokens by name, parts of characters as the tokenizer writes them. */
  textOf(id: number): string
  /** The id of a candidate: a text that is one token, or an id. Throws `argument` for what is not one token. */
  idOf(candidate: string | number): number
  render(prompt: ChatPrompt): string
}

/** Throws `data` for a tokenizer that cannot be used. */
export function createTextCodec(files: TextCodecFiles): TextCodec {
  return new Codec(files)
}

class Codec implements TextCodec {
  readonly size: number
  readonly specialIds: ReadonlySet<number>
  readonly endId: number | undefined
  readonly chatTemplate: ChatTemplate | undefined
  readonly #inner: Inner
  readonly #reserved: readonly string[]
  readonly #reservedIds: ReadonlySet<number>
  /** Tokens that are looked for in text that was changed: they may appear where the text had none. */
  readonly #appears: boolean
  readonly #anchor: number
  #texts: string[] = []

  constructor({ tokenizer, config = {}, chatTemplate }: TextCodecFiles) {
    const absent = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, added_tokens: [] }
    try {
      // Cleaning up spaces would join words that come one by one.
      this.#inner = new Inner({ ...absent, ...tokenizer }, { ...config, clean_up_tokenization_spaces: false })
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new RankineError("data", `the model's tokenizer cannot be used: ${reason}`, { cause })
    }
    const added = [...this.#inner.get_added_tokens_decoder().values()]
    this.specialIds = new Set(added.filter(({ special }) => special).map(({ id }) => id))
    this.#reserved = reservedTexts(added)
    this.#reservedIds = new Set(added.filter(({ content }) => this.#reserved.includes(content)).map(({ id }) => id))
    this.#appears =
      tokenizer.normalizer != null && added.some(({ id, normalized }) => normalized && this.#reservedIds.has(id))
    let size = 0
    for (const id of this.#inner.get_vocab().values()) size = Math.max(size, id + 1)
    this.size = size
    this.endId = idNamed(this.#inner, config.eos_token)
    this.#anchor = this.#idsOf("a").at(-1) ?? 0
    const source = chatTemplate ?? templateIn(config.chat_template)
    if (source !== undefined) this.chatTemplate = new ChatTemplate({ source, specialTokens: specialTokens(config) })
  }

  encode(input: PromptInput, continuation = ""): number[] {
    if ("messages" in input) {
      const mark = unusedMark([...input.messages.map(({ content }) => content), input.prefill ?? "", continuation])
      const text = this.#render(input, mark) + this.#broken(continuation, mark)
      // A template writes the tokens at the beginning itself.
      return text.split(mark).flatMap((part) => this.#idsOf(part))
    }
    const { prompt, special = true } = input
    if (isIds(prompt)) return [...prompt, ...this.encodePlain(continuation)]
    const all = [...(typeof prompt === "string" ? [prompt] : prompt), { text: continuation }]
    const mark = unusedMark(all.map(textOfPart))
    const parts = all.map((part) => (typeof part === "string" ? part : this.#broken(part.text, mark)))
    const pieces = parts.join("").split(mark)
    return pieces.flatMap((piece, at) => this.#idsOf(piece, special && at === 0))
  }

  encodePlain(text: string): number[] {
    const mark = unusedMark([text])
    return this.#broken(text, mark)
      .split(mark)
      .flatMap((piece) => this.#idsOf(piece))
  }

  decode(ids: readonly number[]): string {
    return ids.length === 0 ? "" : this.#inner.decode([...ids], { skip_special_tokens: true })
  }

  textOf(id: number): string {
    const known = this.#texts[id]
    if (known !== undefined) return known
    const before = this.decode([this.#anchor])
    const both = this.decode([this.#anchor, id])
    const own = both.startsWith(before) ? both.slice(before.length) : both
    const text = own === "" || own.includes("\ufffd") ? (this.#inner.id_to_token(id) ?? "") : own
    this.#texts[id] = text
    return text
  }

  idOf(candidate: string | number): number {
    if (typeof candidate === "number") {
      if (Number.isInteger(candidate) && candidate >= 0) return candidate
      throw new RankineError("argument", `${candidate} is no token id: ids are whole numbers of at least 0`)
    }
    const named = this.#inner.token_to_id(candidate)
    if (named !== undefined && (this.#reservedIds.has(named) || this.specialIds.has(named))) return named
    for (const ids of [this.#afterAnchor(candidate), this.#idsOf(candidate)])
      if (ids.length === 1 && this.textOf(ids[0]!) === candidate) return ids[0]!
    // Word pieces that a tokenizer never makes of a text alone: "yes" without the space that it puts before every text.
    for (const spelled of [candidate, candidate.replace(/ /g, "▁"), candidate.replace(/ /g, "Ġ").replace(/\n/g, "Ċ")]) {
      const id = this.#inner.token_to_id(spelled)
      if (id !== undefined && this.textOf(id) === candidate) return id
    }
    const ids = this.#idsOf(candidate)
    throw new RankineError(
      "argument",
      `${JSON.stringify(candidate)} is not one token of this model (it is ${ids.map((id) => JSON.stringify(this.textOf(id))).join(" + ")}): ` +
        "name a text that is one token, or a token's id",
    )
  }

  render(prompt: ChatPrompt): string {
    const mark = unusedMark(prompt.messages.map(({ content }) => content))
    return this.#render(prompt, mark).replaceAll(mark, " ")
  }

  /** The conversation as text; the mark stands inside of special tokens that are plain. */
  #render({ messages, prefill = "", variables = {} }: ChatPrompt, mark: string): string {
    if (!this.chatTemplate)
      throw new RankineError(
        "model",
        "the model has no chat template: give one (chatTemplate), or a prompt instead of messages",
      )
    const safe = messages.map(
      (message): Message => ({ ...message, content: this.#broken(message.content, mark, message.role) }),
    )
    return this.chatTemplate.render(safe, { variables }) + prefill
  }

  #broken(text: string, mark: string, role = ""): string {
    // Templates look for the thoughts in earlier answers, to leave them out.
    const reserved = role === "assistant" ? this.#reserved.filter((each) => !/^<\/?think>$/.test(each)) : this.#reserved
    const { text: broken } = breakReserved(text, reserved, mark)
    if (!this.#appears) return broken
    const safe = broken.split(mark).every((piece) => !this.#idsOf(piece).some((id) => this.#reservedIds.has(id)))
    return safe ? broken : [...text].join(mark)
  }

  #idsOf(text: string, special = false): number[] {
    if (text === "" && !special) return []
    const { ids } = this.#inner.encode(text, { add_special_tokens: special })
    // Where a model has no token for the unknown, an unknown character has no id; it is dropped, as the original does.
    return ids.filter((id: number | undefined) => id !== undefined)
  }

  /** The ids of a text in the middle of another. */
  #afterAnchor(text: string): number[] {
    const before = this.#idsOf("a\n")
    const both = this.#idsOf(`a\n${text}`)
    return before.every((id, at) => both[at] === id) ? both.slice(before.length) : []
  }
}

export function isIds(prompt: PlainPrompt["prompt"]): prompt is readonly number[] {
  return typeof prompt !== "string" && typeof prompt[0] === "number"
}

function textOfPart(part: PromptPart): string {
  return typeof part === "string" ? part : part.text
}

/** A named token of tokenizer_config.json is a text, or an object with one. */
function contentOf(token: unknown): string | undefined {
  const content = typeof token === "object" && token !== null ? (token as { content?: unknown }).content : token
  return typeof content === "string" ? content : undefined
}

function idNamed(inner: Inner, token: unknown): number | undefined {
  const content = contentOf(token)
  return content === undefined ? undefined : inner.token_to_id(content)
}

function specialTokens(config: Json): Record<string, string> {
  const tokens: Record<string, string> = {}
  for (const [name, value] of Object.entries(config)) {
    const content = name.endsWith("_token") ? contentOf(value) : undefined
    if (content !== undefined) tokens[name] = content
  }
  return tokens
}

/** One template, or several by name. */
function templateIn(value: unknown): string | undefined {
  if (typeof value === "string") return value
  if (!Array.isArray(value)) return undefined
  const named = value as { readonly name?: unknown; readonly template?: unknown }[]
  const found = named.find(({ name }) => name === "default") ?? named[0]
  return typeof found?.template === "string" ? found.template : undefined
}
