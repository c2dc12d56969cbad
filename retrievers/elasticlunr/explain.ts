import type { Explanation } from "../../src/core/index.js"
import type { LibraryIndex, SearchConfig } from "./library.js"

/** How much a word longer than the one asked for counts, as the library has it. */
const EXPANSION_PENALTY = 0.15

/**
 * The parts of one document's score, after the library's own formula: per field and word sqrt(tf) × idf / sqrt(field length), times the share of
 * the query's words found in the field (which the library leaves out where only longer words matched), times the field's boost.
 */
export function explainScore(
  index: LibraryIndex,
  tokens: readonly string[],
  reference: string,
  score: number,
  config: SearchConfig,
): Explanation {
  const details = Object.entries(config.fields).flatMap(([field, { boost, bool, expand }]) => {
    if (boost === 0) return []
    const inverted = index.index[field]!
    const length = index.documentStore.getFieldLength(reference, field)
    const norm = length > 0 ? 1 / Math.sqrt(length) : 1
    const matches = tokens.map((token) =>
      (expand ? inverted.expandToken(token) : [token]).flatMap((word) => {
        const docs = inverted.getDocs(word)
        if (!Object.hasOwn(docs, reference)) return []
        const penalty = word === token ? 1 : (1 - (word.length - token.length) / word.length) * EXPANSION_PENALTY
        return [{ word, token, value: docs[reference]!.tf * index.idf(word, field) * norm * penalty }]
      }),
    )
    if (bool === "AND" && matches.some((found) => found.length === 0)) return []
    const exact = matches.filter((found) => found.some(({ word, token }) => word === token)).length
    const share = exact > 0 ? exact / tokens.length : 1
    return matches.flat().map(({ word, token, value }) => ({
      value: value * share * boost,
      description:
        `${field}:${word}${word === token ? "" : ` (for ${token})`}, boost ${boost}` +
        (share < 1 ? `, ${exact} of ${tokens.length} words found` : ""),
    }))
  })
  return { value: score, description: "elasticlunr: sum of", details }
}
