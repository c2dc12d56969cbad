import {
  type Document,
  documentText,
  type Explanation,
  type Hit,
  mergeWarnings,
  RankineError,
  type Ranking,
  type Reranker,
  throwIfAborted,
} from "../../src/core/index.js"
import { type AnalyzerSpec, cosine, createAnalyzer, type TermVector, termVector } from "../../src/text/index.js"

/** How alike two of the hits are, at most 1; it is given all hits at once, so that it can encode them together. */
export type HitSimilarity = (
  hits: readonly Hit[],
) => ((left: number, right: number) => number) | Promise<(left: number, right: number) => number>

export interface MmrOptions {
  /** 1 cares for relevance only, 0 for novelty only. Default 0.7. */
  readonly lambda?: number
  /** How many places are filled this way; the other hits follow in their order. Default: all. */
  readonly top?: number
  /** Default: the cosine of the texts' term frequencies. */
  readonly similarity?: HitSimilarity
  /** For the default similarity. Default `english`. */
  readonly analyzer?: string | AnalyzerSpec
}

/**
 * Maximal marginal relevance: each place goes to the hit with the highest lambda × relevance - (1 - lambda) × likeness to the most similar
 * hit above it. Carbonell and Goldstein, "The use of MMR, diversity-based reranking for reordering documents and producing summaries", SIGIR 1998.
 *
 * Relevance is the score brought to 0..1 over the ranking (min-max; by rank where scores are ordinal), since it is weighed against a similarity. The
 * scores given are the values of that formula, of kind `ordinal`; a hit below `top` gets the least it could have.
 * Throws `argument` for lambda out of 0..1 or top below 1, `score-kind` for scores or similarities that are not finite.
 */
export function mmr(options: MmrOptions = {}): Reranker {
  const { lambda = 0.7, top } = options
  if (!(lambda >= 0 && lambda <= 1)) throw new RankineError("argument", `lambda of mmr must lie in 0..1, got ${lambda}`)
  if (top !== undefined && !(Number.isInteger(top) && top >= 1))
    throw new RankineError("argument", `top of mmr must be a whole number of at least 1, got ${top}`)
  const analyzer = options.similarity ? undefined : createAnalyzer(options.analyzer ?? "english")
  // Many queries meet the same documents; analysing is most of the work.
  const known = new WeakMap<Document, TermVector>()
  const vectorOf = ({ document }: Hit): TermVector => {
    if (!document) return termVector([])
    let vector = known.get(document)
    if (!vector) known.set(document, (vector = termVector(analyzer!.terms(documentText(document)))))
    return vector
  }
  const similarity: HitSimilarity =
    options.similarity ??
    ((hits) => {
      const vectors = hits.map(vectorOf)
      return (left, right) => cosine(vectors[left]!, vectors[right]!)
    })
  return {
    name: `mmr(${lambda}${top === undefined ? "" : `, ${top}`})`,
    needs: "text",
    async rerank(rankings, run = {}) {
      const results: Ranking[] = []
      for (const ranking of rankings) {
        throwIfAborted(run.signal)
        results.push(
          diversify(ranking, await similarity(ranking.hits), lambda, top ?? ranking.hits.length, run.explain),
        )
      }
      return results
    },
    describe: () => ({
      name: "mmr",
      lambda,
      ...(top === undefined ? {} : { top }),
      similarity: analyzer ? { name: "cosine", analyzer: analyzer.spec } : { name: "custom" },
    }),
  }
}

function diversify(
  ranking: Ranking,
  similarity: (left: number, right: number) => number,
  lambda: number,
  top: number,
  explain: boolean | undefined,
): Ranking {
  const { hits } = ranking
  const relevance = relevances(ranking)
  const likeness = new Float64Array(hits.length)
  const open = new Set(hits.keys())
  const value = (hit: number) => lambda * relevance[hit]! - (1 - lambda) * likeness[hit]!
  const result: Hit[] = []
  const place = (hit: number, alike: number) => {
    const score = lambda * relevance[hit]! - (1 - lambda) * alike
    const parts: Explanation[] = [
      { value: lambda * relevance[hit]!, description: `relevance ${relevance[hit]!.toFixed(4)}, weight ${lambda}` },
      {
        value: score - lambda * relevance[hit]!,
        description: `likeness to a hit above ${alike.toFixed(4)}, against it`,
      },
    ]
    const before = hits[hit]!.explanation
    const explanation = {
      value: score,
      description: "mmr: sum of",
      details: before ? [{ ...parts[0]!, details: [before] }, parts[1]!] : parts,
    }
    result.push({ ...hits[hit]!, score, ...(explain ? { explanation } : {}) })
    open.delete(hit)
  }
  while (open.size > 0 && result.length < top) {
    let best = -1
    // Strictly better only: equal values keep the order that came in.
    for (const hit of open) if (best === -1 || value(hit) > value(best)) best = hit
    place(best, likeness[best]!)
    for (const hit of open) {
      const alike = similarity(best, hit)
      if (!Number.isFinite(alike) || alike > 1 + 1e-9)
        throw new RankineError(
          "score-kind",
          `the similarity of ${hits[best]!.id} and ${hits[hit]!.id} is ${alike}: mmr needs finite numbers of at most 1`,
        )
      likeness[hit] = Math.max(likeness[hit]!, alike)
    }
  }
  for (const hit of open) place(hit, 1)
  const missing = hits.filter((hit) => !hit.document).map((hit) => hit.id)
  const warnings = missing.length > 0 ? [{ code: "missing-text", count: missing.length, ids: missing } as const] : []
  return { ...ranking, hits: result, scoreKind: "ordinal", warnings: mergeWarnings(ranking.warnings, warnings) }
}

function relevances({ hits, scoreKind }: Ranking): Float64Array {
  if (scoreKind === "ordinal") return Float64Array.from(hits, (_, rank) => 1 - rank / hits.length)
  let lowest = Number.POSITIVE_INFINITY
  let highest = Number.NEGATIVE_INFINITY
  for (const { id, score } of hits) {
    if (!Number.isFinite(score))
      throw new RankineError(
        "score-kind",
        `mmr cannot weigh the score ${score} of document "${id}": mend the stage before it`,
      )
    lowest = Math.min(lowest, score)
    highest = Math.max(highest, score)
  }
  return Float64Array.from(hits, ({ score }) => (highest > lowest ? (score - lowest) / (highest - lowest) : 1))
}
