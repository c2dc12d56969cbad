/** Where a tokenizer puts its special tokens: the template read from tokenizer.json. @module */
import { RankineError } from "../core/errors.js"

/** One piece of a template: special tokens, or the place of the first ("A") or second ("B") text. */
export type TemplatePiece =
  | { readonly ids: readonly number[]; readonly typeId: number }
  | { readonly text: "A" | "B"; readonly typeId: number }

export interface SpecialTokenTemplate {
  readonly single: readonly TemplatePiece[]
  readonly pair: readonly TemplatePiece[]
}

const BARE: SpecialTokenTemplate = {
  single: [{ text: "A", typeId: 0 }],
  pair: [
    { text: "A", typeId: 0 },
    { text: "B", typeId: 1 },
  ],
}

type Json = Record<string, unknown>

/**
 * The template of a `post_processor` entry of tokenizer.json. Truncation needs the places of the special tokens apart from the texts,
 * which a finished list of ids no longer shows.
 *
 * @param idOf the id of a token, `undefined` for an unknown one
 * @throws RankineError `data` for an entry of unknown form
 */
export function readTemplate(processor: unknown, idOf: (token: string) => number | undefined): SpecialTokenTemplate {
  if (processor === null || processor === undefined) return BARE
  const entry = processor as Json
  switch (entry.type) {
    case "ByteLevel":
      return BARE
    case "Sequence": {
      const parts = Array.isArray(entry.processors) ? entry.processors : []
      const templates = parts.map((part) => readTemplate(part, idOf)).filter((template) => template !== BARE)
      if (templates.length > 1) throw unsupported("a sequence of several templates")
      return templates[0] ?? BARE
    }
    case "BertProcessing":
      return around(single(entry.cls), single(entry.sep), false)
    case "RobertaProcessing":
      return around(single(entry.cls), single(entry.sep), true)
    case "TemplateProcessing": {
      const special = (entry.special_tokens ?? {}) as Record<string, Json | undefined>
      const ids = (token: string): number[] => {
        const own = special[token]?.ids
        if (Array.isArray(own)) return own as number[]
        const id = idOf(token)
        if (id === undefined) throw unsupported(`the unknown special token ${token}`)
        return [id]
      }
      const pieces = (list: unknown) => (Array.isArray(list) ? list : []).map((item) => piece(item as Json, ids))
      return { single: pieces(entry.single), pair: pieces(entry.pair) }
    }
    default:
      throw unsupported(`the type ${JSON.stringify(entry.type)}`)
  }
}

/** How many special tokens a template adds. */
export function specialCount(pieces: readonly TemplatePiece[]): number {
  return pieces.reduce((sum, item) => sum + ("ids" in item ? item.ids.length : 0), 0)
}

function piece(item: Json, ids: (token: string) => number[]): TemplatePiece {
  const [kind, value] = Object.entries(item)[0] ?? []
  const { id, type_id: typeId = 0 } = (value ?? {}) as { id?: unknown; type_id?: number }
  if (kind === "Sequence" && (id === "A" || id === "B")) return { text: id, typeId }
  if (kind === "SpecialToken" && typeof id === "string") return { ids: ids(id), typeId }
  throw unsupported(`the piece ${JSON.stringify(item)}`)
}

/** `[token, id]` of the older forms. */
function single(pair: unknown): number {
  const id = Array.isArray(pair) ? pair[1] : undefined
  if (typeof id !== "number") throw unsupported("a special token without an id")
  return id
}

/** BERT: cls A sep B sep with types 0 and 1; RoBERTa: cls A sep sep B sep, one type only. */
function around(cls: number, sep: number, roberta: boolean): SpecialTokenTemplate {
  const typeId = roberta ? 0 : 1
  const first: TemplatePiece[] = [
    { ids: [cls], typeId: 0 },
    { text: "A", typeId: 0 },
    { ids: [sep], typeId: 0 },
  ]
  const doubled: TemplatePiece[] = roberta ? [{ ids: [sep], typeId }] : []
  return { single: first, pair: [...first, ...doubled, { text: "B", typeId }, { ids: [sep], typeId }] }
}

function unsupported(what: string): RankineError {
  return new RankineError(
    "data",
    `tokenizer.json: its post_processor has ${what}, which is not supported: save the tokenizer with a newer version`,
  )
}
