/** The settings of an index: options with every default filled in. @module */
import { RankineError } from "../../src/core/errors.js"
import type { AnalyzerSpec } from "../../src/text/analyzer.js"
import { createAnalyzer } from "../../src/text/index.js"
import type { Bm25Options, Bm25Variant } from "./options.js"
import { defaultDelta, type ScoringParameters } from "./scoring.js"

/** Every setting, with the defaults filled in; stored with an index. */
export interface Bm25Settings extends ScoringParameters {
  readonly analyzer: AnalyzerSpec
  readonly fields?: Readonly<Record<string, number>>
  readonly querySide: boolean
  readonly storeDocuments: boolean
}

const variants: readonly Bm25Variant[] = ["lucene", "robertson", "atire", "bm25l", "bm25+"]

/** The settings that options ask for. Throws `argument` for what is out of range. */
export function settingsOf(options: Bm25Options): Bm25Settings {
  const { variant = "lucene", norm = variant === "lucene" ? "lucene" : "exact", k1 = 0.9, b = 0.4, fields } = options
  const { analyzer = "english", querySide = false, storeDocuments = true } = options
  const wrong = (what: string) => new RankineError("argument", what)
  if (!variants.includes(variant)) throw wrong(`unknown BM25 variant "${variant}": use one of ${variants.join(", ")}`)
  if (norm !== "lucene" && norm !== "exact") throw wrong(`norm must be "lucene" or "exact", got "${norm}"`)
  if (!(k1 >= 0 && k1 < 1e6)) throw wrong(`k1 must be a number of at least 0, got ${k1}`)
  if (!(b >= 0 && b <= 1)) throw wrong(`b must lie between 0 and 1, got ${b}`)
  const { delta = defaultDelta[variant] } = options
  if (!(delta >= 0 && delta < 1e6)) throw wrong(`delta must be a number of at least 0, got ${delta}`)
  if (fields) {
    const entries = Object.entries(fields)
    if (entries.length === 0) throw wrong("fields must name at least one field, such as { title: 2, text: 1 }")
    for (const [name, weight] of entries)
      if (!(weight > 0 && weight < 1e6))
        throw wrong(`the weight of field "${name}" must be a number above 0, got ${weight}`)
  }
  const spec = createAnalyzer(analyzer).spec
  return { variant, norm, k1, b, delta, analyzer: spec, ...(fields ? { fields } : {}), querySide, storeDocuments }
}
