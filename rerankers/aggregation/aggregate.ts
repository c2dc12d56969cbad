import {
  type Explanation,
  type Hit,
  mergeWarnings,
  RankineError,
  type Ranking,
  type Reranker,
  sortReranked,
  type Warning,
} from "../../src/core/index.js"

export interface AggregateOptions {
  /**
   * Whose chunk a hit is: `parent` reads the document's `parentId`; `{ separator: "#" }` takes what stands before the id's last separator;
   * a function is given the hit. A hit without parent stands for itself. Default `parent`.
   */
  readonly by?: "parent" | { readonly separator: string } | ((hit: Hit) => string | undefined)
  /** `max`: the best chunk's score; `first`: the highest chunk's place and score; `mean`: the mean of the `best` highest scores. Default `max`. */
  readonly method?: "max" | "first" | "mean"
  /** How many chunks `mean` counts; a document with fewer is the mean of what it has. Default 3. */
  readonly best?: number
}

/**
 * Turns a ranking of chunks into one of documents. A document shows its best chunk: that one's text, span and source, and its id in `metadata.chunkId`.
 * Documents that the query excludes are removed here, where their ids first appear (`excluded-document`).
 * Throws `argument` for options that make no sense and `score-kind` where `mean` would average ordinal scores.
 */
export function aggregate(options: AggregateOptions = {}): Reranker {
  const { by = "parent", method = "max", best = 3 } = options
  if (!["max", "first", "mean"].includes(method))
    throw new RankineError("argument", `method of aggregate must be max, first or mean, got "${method}"`)
  if (!Number.isInteger(best) || best < 1)
    throw new RankineError("argument", `best of aggregate must be a whole number of at least 1, got ${best}`)
  if (typeof by === "object" && by.separator === "")
    throw new RankineError("argument", "separator of aggregate must not be empty")
  const parentOf = parentFunction(by)
  return {
    name: `aggregate(${method}${method === "mean" ? ` of ${best}` : ""})`,
    needs: by === "parent" ? "text" : "ids",
    rerank: async (rankings, run = {}) =>
      rankings.map((ranking) => aggregateRanking(ranking, parentOf, method, best, run.explain, by === "parent")),
    describe: () => ({
      name: "aggregate",
      by: typeof by === "function" ? "function" : by,
      method,
      ...(method === "mean" ? { best } : {}),
    }),
  }
}

function parentFunction(by: NonNullable<AggregateOptions["by"]>): (hit: Hit) => string | undefined {
  if (typeof by === "function") return by
  if (by === "parent") return (hit) => hit.document?.parentId
  return ({ id }) => {
    const at = id.lastIndexOf(by.separator)
    return at > 0 ? id.slice(0, at) : undefined
  }
}

function aggregateRanking(
  ranking: Ranking,
  parentOf: (hit: Hit) => string | undefined,
  method: "max" | "first" | "mean",
  best: number,
  explain: boolean | undefined,
  readsDocuments: boolean,
): Ranking {
  if (method === "mean" && ranking.scoreKind === "ordinal")
    throw new RankineError(
      "score-kind",
      "the scores of this ranking only carry an order, so their mean says nothing: aggregate by max or first",
    )
  const groups = new Map<string, Hit[]>()
  const missing: string[] = []
  for (const hit of ranking.hits) {
    if (readsDocuments && !hit.document) missing.push(hit.id)
    const parent = parentOf(hit) ?? hit.id
    const group = groups.get(parent)
    if (group) group.push(hit)
    else groups.set(parent, [hit])
  }
  const excluded = (ranking.query.excludedIds ?? []).filter((id) => groups.delete(id))
  const hits = [...groups].map(([id, chunks]) => merge(id, chunks, method, best, explain))
  const warnings: Warning[] = []
  if (missing.length > 0) warnings.push({ code: "missing-text", count: missing.length, ids: missing })
  if (excluded.length > 0) warnings.push({ code: "excluded-document", count: excluded.length, ids: excluded })
  return {
    ...ranking,
    // Groups stand in the order of their first chunks, which is the order that `first` asks for.
    hits: method === "first" ? hits : sortReranked(hits),
    warnings: mergeWarnings(ranking.warnings, warnings),
  }
}

function merge(
  id: string,
  chunks: readonly Hit[],
  method: "max" | "first" | "mean",
  best: number,
  explain: boolean | undefined,
): Hit {
  const ordered = method === "first" ? chunks : sortReranked(chunks)
  const [chunk] = ordered as [Hit]
  const counted = method === "mean" ? ordered.slice(0, best) : [chunk]
  const score = counted.reduce((sum, hit) => sum + hit.score, 0) / counted.length
  const { explanation: _, document, ...rest } = chunk
  const hit: Hit = { ...rest, id, score, ...(document ? { document: asParent(document, id) } : {}) }
  if (!explain) return hit
  const details = counted.map(
    ({ id: chunkId, score: value, explanation }): Explanation => ({
      value: value / counted.length,
      description: `chunk ${chunkId}, score ${Number(value.toPrecision(6))}`,
      ...(explanation ? { details: [explanation] } : {}),
    }),
  )
  return {
    ...hit,
    explanation: {
      value: score,
      description: `${method} of ${counted.length} of ${chunks.length} chunks: sum of`,
      details,
    },
  }
}

function asParent(chunk: NonNullable<Hit["document"]>, id: string): NonNullable<Hit["document"]> {
  if (chunk.id === id) return chunk
  const { parentId: _, ...document } = chunk
  return { ...document, id, metadata: { ...chunk.metadata, chunkId: chunk.id } }
}
