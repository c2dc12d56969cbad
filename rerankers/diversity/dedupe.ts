import {
  type Document,
  documentText,
  mergeWarnings,
  RankineError,
  type Ranking,
  type Reranker,
  type Warning,
} from "../../src/core/index.js"
import { type AnalyzerSpec, createAnalyzer } from "../../src/text/index.js"

export interface DedupeOptions {
  /** Hits at least this alike are one, 0 to 1; 1 removes only texts that are the same letter by letter. Default 0.9. */
  readonly threshold?: number
  /** Length of the term sequences that are compared. Default 3. */
  readonly shingle?: number
  /** Default `english`. */
  readonly analyzer?: string | AnalyzerSpec
}

/**
 * Removes hits whose text repeats that of a better hit: the same text, or term sequences (shingles) whose sets have a Jaccard
 * coefficient of at least `threshold` (Broder, "On the resemblance and containment of documents", 1997; computed exactly).
 * What was removed is in the warning `duplicate-hit`. Hits without text are kept, and counted as `missing-text` where their document is not there.
 * Throws `argument` for a threshold out of (0, 1] or a shingle below 1.
 */
export function dedupe(options: DedupeOptions = {}): Reranker {
  const { threshold = 0.9, shingle = 3 } = options
  if (!(threshold > 0 && threshold <= 1))
    throw new RankineError("argument", `threshold of dedupe must lie in (0, 1], got ${threshold}`)
  if (!Number.isInteger(shingle) || shingle < 1)
    throw new RankineError("argument", `shingle of dedupe must be a whole number of at least 1, got ${shingle}`)
  const analyzer = createAnalyzer(options.analyzer ?? "english")
  // Many queries meet the same documents; analysing is most of the work.
  const known = new WeakMap<Document, readonly string[]>()
  const termsOf = (document: Document, text: string) => {
    let terms = known.get(document)
    if (!terms) known.set(document, (terms = analyzer.terms(text)))
    return terms
  }
  return {
    name: `dedupe(${threshold})`,
    needs: "text",
    rerank: async (rankings) => rankings.map((ranking) => dedupeRanking(ranking, termsOf, threshold, shingle)),
    describe: () => ({ name: "dedupe", threshold, shingle, analyzer: analyzer.spec }),
  }
}

function dedupeRanking(
  ranking: Ranking,
  termsOf: (document: Document, text: string) => readonly string[],
  threshold: number,
  shingle: number,
): Ranking {
  const shingler = new Shingler(shingle)
  const texts = new Set<string>()
  const kept: Set<number>[] = []
  const removed: string[] = []
  const missing: string[] = []
  const hits = ranking.hits.filter((hit) => {
    if (!hit.document) missing.push(hit.id)
    const text = hit.document ? documentText(hit.document).trim() : ""
    if (text === "") return true
    if (texts.has(text)) {
      removed.push(hit.id)
      return false
    }
    texts.add(text)
    if (threshold === 1) return true
    const shingles = shingler.shingles(termsOf(hit.document!, text))
    if (shingles.size === 0) return true
    if (kept.some((other) => resemble(shingles, other, threshold))) {
      removed.push(hit.id)
      return false
    }
    kept.push(shingles)
    return true
  })
  const warnings: Warning[] = []
  if (removed.length > 0) warnings.push({ code: "duplicate-hit", count: removed.length, ids: removed })
  if (missing.length > 0) warnings.push({ code: "missing-text", count: missing.length, ids: missing })
  return { ...ranking, hits, warnings: mergeWarnings(ranking.warnings, warnings) }
}

/** Numbers term sequences, so that the sets of many texts are compared without building any twice. */
class Shingler {
  readonly #terms = new Map<string, number>()
  readonly #sequences = new Map<string, number>()

  constructor(private readonly size: number) {}

  /** A text with fewer terms than a shingle counts as one shorter sequence. */
  shingles(terms: readonly string[]): Set<number> {
    const numbers = terms.map((term) => numberOf(this.#terms, term))
    const result = new Set<number>()
    for (let start = 0; start < numbers.length && (start === 0 || start + this.size <= numbers.length); start++)
      result.add(numberOf(this.#sequences, numbers.slice(start, start + this.size).join()))
    return result
  }
}

function numberOf(known: Map<string, number>, key: string): number {
  let number = known.get(key)
  if (number === undefined) known.set(key, (number = known.size))
  return number
}

function resemble(left: Set<number>, right: Set<number>, threshold: number): boolean {
  const [small, large] = left.size <= right.size ? [left, right] : [right, left]
  // No coefficient can exceed the ratio of the sizes.
  if (small.size < threshold * large.size) return false
  let shared = 0
  for (const number of small) if (large.has(number)) shared++
  return shared / (small.size + large.size - shared) >= threshold
}
