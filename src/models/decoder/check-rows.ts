import { RankineError } from "../../core/errors.js"

/**
 * How many tokens come before each row. Throws `argument` for rows that a decoder cannot read after a cache with rows of these lengths:
 * a wrong id would read foreign memory or fail with a message about a graph's node.
 */
export function checkRows(
  rows: readonly (readonly number[])[],
  cached: readonly number[] | undefined,
  keep: boolean,
  vocabulary: number,
  contextLength: number,
): number[] {
  const suffixes = cached?.length === 1 && !keep
  if (rows.length === 0) throw new RankineError("argument", "there are no rows to read")
  if (cached && !suffixes && cached.length !== rows.length)
    throw new RankineError(
      "argument",
      `${rows.length} rows cannot go on from a cache of ${cached.length}: ` +
        "give as many, or with keep: false any number after a cache of one",
    )
  return rows.map((ids, row) => {
    const refuse = (what: string) => new RankineError("argument", `row ${row} ${what}`)
    const before = cached ? cached[suffixes ? 0 : row]! : 0
    if (ids.length === 0) throw refuse("has no tokens")
    if (before + ids.length > contextLength)
      throw refuse(
        `would have ${before + ids.length} tokens; this model is loaded for ${contextLength}: cut it shorter`,
      )
    for (const id of ids)
      if (!(id >= 0 && id < vocabulary && Number.isInteger(id)))
        throw refuse(
          `has token id ${id} outside the vocabulary of ${vocabulary}: tokenizer and model do not belong together`,
        )
    return before
  })
}
