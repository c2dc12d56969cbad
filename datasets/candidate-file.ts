import { basename, dirname } from "node:path"
import type { Document, Query } from "../src/core/document.js"
import { RankineError } from "../src/core/errors.js"
import type { Ranking, Warning } from "../src/core/ranking.js"
import type { FormOptions } from "./beir.js"
import { candidateLines, candidateQuery, toRanking } from "./candidates.js"
import type { Dataset } from "./dataset.js"
import { judgedDataset } from "./judged.js"
import { chooseSplit, findLayout, loadQrels } from "./layout.js"
import { findEntry } from "./registry.js"
import { directorySource, fileLabel } from "./source.js"

/**
 * Opens one file of candidates (`{query_id, query, candidates: [{id, text, score}]}` a line) as a data set: its queries, its passages as the
 * documents, its rankings as `candidates`, and the qrels that lie in its folder or the one above.
 * Throws `data` naming file and line, `not-found` when the file holds no texts.
 */
export async function openCandidateFile(path: string, options: FormOptions = {}): Promise<Dataset> {
  const { signal } = options
  const folder = dirname(path)
  const file = basename(path)
  const above = basename(folder) === "candidates" ? dirname(folder) : folder
  const judgedIn = await directorySource(above)
  const source = await directorySource(folder)
  const label = fileLabel(source, file)
  const queries: Query[] = []
  const found = new Map<string, Ranking>()
  const documents = new Map<string, Document>()
  let without = 0
  const variant = file.replace(/(\.top\d+)?\.jsonl(\.gz)?$/, "")
  for await (const line of candidateLines(source, file, signal)) {
    const query = candidateQuery(line, label)
    queries.push(query)
    found.set(query.id, toRanking(query, line.found, variant))
    for (const { id, document } of line.found.hits)
      if (!document) without++
      else if (!documents.has(id)) documents.set(id, document)
  }
  if (queries.length === 0) throw new RankineError("data", `${label} holds no candidates; fetch it again`)
  const { qrels: splits } = findLayout(judgedIn)
  const entry = findEntry(options.name ?? judgedIn.name)
  const split = splits.size > 0 ? chooseSplit([...splits.keys()], options.split, entry?.defaultSplit, above) : "test"
  const judged = splits.size > 0 ? await loadQrels(judgedIn, splits.get(split)!, signal) : undefined
  const excludeIdentical = options.excludeIdentical ?? entry?.excludeIdentical ?? false
  return judgedDataset({
    name: options.name ?? entry?.name ?? judgedIn.name,
    split,
    form: "candidates",
    entry,
    source,
    corpus: [],
    withoutCorpus: `${label} holds ids only, and no texts`,
    ...(documents.size > 0 ? { inMemory: documents } : {}),
    queryFile: { queries, fields: new Map() },
    qrels: judged?.qrels,
    warnings: [
      ...(judged?.warnings ?? []),
      ...(without > 0 ? [{ code: "missing-text", count: without } satisfies Warning] : []),
    ],
    excludeIdentical,
    candidates: async (kept) => {
      const rankings = kept.map((query) => {
        const ranking = found.get(query.id)!
        return toRanking(query, { hits: ranking.hits, scored: ranking.scoreKind !== "ordinal" }, variant)
      })
      const depth = Math.max(0, ...rankings.map((ranking) => ranking.hits.length))
      return { rankings, details: { variant, queries: rankings.length, depth } }
    },
  })
}
