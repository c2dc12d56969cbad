import type { Query } from "../src/core/document.js"
import { RankineError } from "../src/core/errors.js"
import { excludedIds, type FormOptions } from "./beir.js"
import { candidateFiles, chooseCandidates, loadCandidates } from "./candidates.js"
import type { Dataset } from "./dataset.js"
import { type JsonRecord, lineError, readJsonl } from "./jsonl.js"
import { judgedDataset } from "./judged.js"
import { chooseSplit, Judgements } from "./layout.js"
import { otherFields, toQuery } from "./queries.js"
import { findEntry } from "./registry.js"
import { type FileSource, fileLabel } from "./source.js"

export function isBright(source: FileSource): boolean {
  return source.files.some((path) => /^examples\.jsonl(\.gz)?$/.test(path))
}

const KNOWN = new Set(["id", "query", "excluded_ids", "gold_ids", "gold_ids_long"])

/**
 * Opens a task of BRIGHT (Su et al., ICLR 2025) from its `examples.jsonl`: query, `gold_ids` or, with `long`, `gold_ids_long`, and
 * `excluded_ids`, which a ranking must lose before it is cut. `variant` names a file of rewritten queries in the form of the
 * examples (`gpt4_reason.jsonl`), or one of the rankings beside it. Documents come from `documents.jsonl` or
 * `long_documents.jsonl`; where they are absent, `candidates` still holds the ranking that lies there.
 */
export async function openBright(source: FileSource, options: FormOptions = {}): Promise<Dataset> {
  const { signal, long = false } = options
  const split = chooseSplit(["test"], options.split, undefined, source.label)
  const rewritten = source.files.find((path) => path.replace(/\.jsonl(\.gz)?$/, "") === options.variant)
  const path = rewritten ?? source.files.find((file) => /^examples\.jsonl(\.gz)?$/.test(file))!
  const examples = await readExamples(source, path, long, signal)
  if (examples.judgements.qrels.size === 0)
    throw new RankineError(
      "not-found",
      long
        ? `${source.label} has no judgements of long documents (gold_ids_long); open it without long`
        : `${source.label} has no judgements (gold_ids)`,
    )
  const task = source.name.replace(/^bright[-_]/i, "")
  const entry = findEntry(`bright-${task}`)
  const corpus = source.files.find((file) =>
    (long ? /^long_documents\.jsonl(\.gz)?$/ : /^(documents|corpus)\.jsonl(\.gz)?$/).test(file),
  )
  const file = long
    ? undefined
    : chooseCandidates(candidateFiles(source, split), rewritten ? undefined : options.variant, source.label)
  return judgedDataset({
    name: options.name ?? entry?.name ?? `bright-${task}`,
    split,
    form: "bright",
    entry,
    source,
    corpus: corpus === undefined ? [] : [corpus],
    withoutCorpus:
      `${source.label} holds no documents: put ${long ? "long_documents" : "documents"}.jsonl (one {"id", "content"} a line) ` +
      `there${file ? ", or rerank the rankings in candidates" : ""}`,
    queryFile: examples,
    qrels: examples.judgements.qrels,
    warnings: examples.judgements.warnings,
    excludeIdentical: options.excludeIdentical ?? false,
    excluded: examples.excluded,
    // The paper reports nDCG@10 on passages and recall at 1 on whole documents.
    measures: long ? ["R@1", "nDCG@10"] : ["nDCG@10"],
    details: { long, ...(rewritten ? { queries: options.variant } : {}) },
    ...(file ? { candidates: (queries) => loadCandidates(source, file, queries, signal) } : {}),
  })
}

async function readExamples(source: FileSource, path: string, long: boolean, signal?: AbortSignal) {
  const label = fileLabel(source, path)
  const queries: Query[] = []
  const fields = new Map<string, JsonRecord>()
  const excluded = new Map<string, readonly string[]>()
  const judgements = new Judgements()
  const lines = new Map<string, number>()
  for await (const block of readJsonl(await source.open(path), label, signal))
    block.records.forEach((record, index) => {
      const line = block.line(index)
      const query = toQuery(record, label, line)
      const before = lines.get(query.id)
      if (before !== undefined) throw lineError(label, line, `query id ${query.id} was used before, on line ${before}`)
      lines.set(query.id, line)
      queries.push(query)
      const others = otherFields(record, KNOWN)
      if (others) fields.set(query.id, others)
      const ids = excludedIds(record.excluded_ids)
      if (ids.length > 0) excluded.set(query.id, ids)
      const gold: unknown = long ? record.gold_ids_long : record.gold_ids
      if (!Array.isArray(gold)) throw lineError(label, line, `no list "${long ? "gold_ids_long" : "gold_ids"}"`)
      for (const id of gold) if (typeof id === "string" && id !== "N/A") judgements.add(query.id, id, 1)
    })
  return { queries, fields, excluded, judgements }
}
