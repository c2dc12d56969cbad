import { RankineError } from "../../src/core/index.js"
import type { Tokenizer } from "../../src/models/index.js"

export const DUOT5_TEMPLATE = "Query: {query} Document0: {first} Document1: {second} Relevant:"

export interface DuoTexts {
  readonly query: string
  readonly first: string
  readonly second: string
}

export interface DuoRow {
  readonly ids: readonly number[]
  /** Which of the two documents were cut. */
  readonly cut: { readonly first: boolean; readonly second: boolean }
}

const PLACES = ["query", "first", "second"] as const

/**
 * Reads prompts of a template that has `{query}`, `{first}` and `{second}` once each, between spaces. What does not fit into `maxLength` tokens is cut
 * from the documents, the longer one first, so that both keep about as much; the words behind them stay. A query that leaves no room is cut too.
 *
 * @throws RankineError `argument` for a template without the three places, and for a maxLength that its words fill
 */
export function duoReader(tokenizer: Tokenizer, template: string, maxLength: number): (texts: DuoTexts) => DuoRow {
  const parts = template.split(/\{(query|first|second)\}/)
  const fields = parts.filter((_, at) => at % 2 === 1)
  const apart = PLACES.every((place) => new RegExp(`(^|\\s)\\{${place}\\}(\\s|$)`).test(template))
  if (fields.length !== 3 || new Set(fields).size !== 3 || !apart)
    throw new RankineError(
      "argument",
      `the template ${JSON.stringify(template)} must have {query}, {first} and {second} once each, with spaces around them`,
    )
  const tokens = (text: string) => tokenizer.encode(text, { special: false }).ids
  const literals = parts.map((part, at) => (at % 2 === 1 ? [] : tokens(part)))
  const end = tokenizer.encode("").ids
  const fixed = literals.reduce((sum, { length }) => sum + length, end.length)
  if (!Number.isInteger(maxLength) || maxLength <= fixed)
    throw new RankineError(
      "argument",
      `maxLength must be a whole number above ${fixed}, the tokens of the prompt's own words; got ${maxLength}`,
    )
  return (texts) => {
    const filled = parts.map((part, at) => (at % 2 === 1 ? texts[part as keyof DuoTexts] : part)).join("")
    const whole = tokenizer.encode(filled, { maxLength })
    if (!whole.truncated) return { ids: whole.ids, cut: { first: false, second: false } }
    // Words are tokenized apart from each other: the parts have the tokens that they have in the whole.
    const query = tokens(texts.query).slice(0, maxLength - fixed)
    const room = maxLength - fixed - query.length
    const [first, second] = [tokens(texts.first), tokens(texts.second)]
    const half = Math.floor(room / 2)
    const most = {
      first: second.length < half ? room - second.length : Math.min(first.length, half),
      second: first.length < half ? room - first.length : room - Math.min(first.length, half),
    }
    const shown: Readonly<Record<string, readonly number[]>> = {
      query,
      first: first.slice(0, most.first),
      second: second.slice(0, most.second),
    }
    const ids = parts.flatMap((part, at) => (at % 2 === 1 ? [...shown[part]!] : [...literals[at]!]))
    return {
      ids: [...ids, ...end],
      cut: { first: first.length > most.first, second: second.length > most.second },
    }
  }
}
