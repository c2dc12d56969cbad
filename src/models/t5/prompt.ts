/** A query and a document as one prompt in tokens, of which only the document is cut. @module */
import { RankineError } from "../../core/errors.js"
import type { TextPair } from "../pair-scorer.js"
import type { Tokenizer } from "../tokenizer.js"

export interface PromptRow {
  readonly ids: readonly number[]
  /** The document was cut; where the query is too long alone, it too. */
  readonly truncated: boolean
}

/** Turns pairs into rows of tokens, the end token last. Throws `argument` for what is no text. */
export type PromptReader = (pair: TextPair, index: number) => PromptRow

type Piece = { readonly literal: string } | { readonly field: keyof TextPair }

/**
 * Reads prompts of a template such as `Query: {query} Document: {document} Relevant:`, which has both places once, between spaces.
 *
 * What does not fit into `maxLength` tokens is cut from the document's end; the words behind it, by which the model knows what it is asked,
 * stay. A query that leaves no room is cut too, and the document is then left out.
 * @throws RankineError `argument` for a template without both places, and for a maxLength that its words fill
 */
export function promptReader(tokenizer: Tokenizer, template: string, maxLength: number): PromptReader {
  const pieces = piecesOf(template)
  const tokens = (text: string, room = Number.POSITIVE_INFINITY) =>
    room > 0 ? tokenizer.encode(text, { special: false, maxLength: room }).ids : []
  const end = tokenizer.encode("").ids
  const literals = pieces.map((piece) => ("literal" in piece ? tokens(piece.literal) : []))
  const fixed = literals.reduce((sum, { length }) => sum + length, end.length)
  if (!Number.isInteger(maxLength) || maxLength <= fixed)
    throw new RankineError(
      "argument",
      `maxLength must be a whole number above ${fixed}, the tokens of the prompt's own words; got ${maxLength}`,
    )

  return (pair, index) => {
    for (const side of ["query", "document"] as const)
      if (typeof pair[side] !== "string")
        throw new RankineError("argument", `the ${side} of pair ${index} is no text but ${typeof pair[side]}`)
    const text = pieces.map((piece) => ("literal" in piece ? piece.literal : pair[piece.field])).join("")
    const whole = tokenizer.encode(text, { maxLength })
    if (!whole.truncated) return whole
    // Words are tokenized apart from each other: the parts have the tokens that they have in the whole.
    const room = maxLength - fixed
    const query = tokens(pair.query, room)
    const document = tokens(pair.document, room - query.length)
    const parts = { query, document }
    const ids = pieces.flatMap((piece, at) => ("literal" in piece ? literals[at] : parts[piece.field]))
    return { ids: [...ids, ...end], truncated: true }
  }
}

function piecesOf(template: string): Piece[] {
  const parts = template.split(/\{(query|document)\}/)
  const fields = parts.filter((_, at) => at % 2 === 1)
  if (fields.length !== 2 || fields[0] === fields[1])
    throw new RankineError(
      "argument",
      `the template ${JSON.stringify(template)} must have {query} and {document} once each`,
    )
  if (!/(^|\s)\{query\}(\s|$)/.test(template) || !/(^|\s)\{document\}(\s|$)/.test(template))
    throw new RankineError(
      "argument",
      `the template ${JSON.stringify(template)} must have spaces around {query} and {document}`,
    )
  return parts.map((part, at) => (at % 2 === 1 ? { field: part as keyof TextPair } : { literal: part }))
}
