import { compareIds, type Explanation, type Hit, RankineError, type Warning } from "../../src/core/index.js"
import type { Column, Fused } from "./method.js"
import { normalisations } from "./normalise.js"
import { type FusionSpec, type ResolvedSpec, resolveSpec } from "./spec.js"

export interface FuseListsOptions {
  /** Names of the lists, for explanations and messages. */
  readonly names?: readonly string[]
  readonly explain?: boolean
}

/** The union of several lists, each document once, in the order of first sight. */
export interface Union {
  readonly ids: readonly string[]
  readonly columns: readonly Column[]
  /** Per list, its hits without repetitions: the hit of rank r is at r - 1. */
  readonly lists: readonly (readonly Hit[])[]
  readonly duplicates: readonly string[]
}

/**
 * Fuses ranked lists into one: each document once, best first, equal scores by id ascending. Ranks are positions; scores are
 * read by the methods that need them. Throws `argument` for a spec that makes no sense and `score-kind` for NaN
 * (or infinite scores, where scores are read). A document that one list repeats counts at its first place.
 */
export function fuseHits(lists: readonly (readonly Hit[])[], spec: FusionSpec = {}): Hit[] {
  return fuseLists(lists, resolveSpec(spec, lists.length)).hits
}

/** As `fuseHits`, with a resolved spec, names, explanations, and what was tolerated. */
export function fuseLists(
  lists: readonly (readonly Hit[])[],
  spec: ResolvedSpec,
  options: FuseListsOptions = {},
): { hits: Hit[]; warnings: Warning[] } {
  const nameOf = (list: number) => options.names?.[list] ?? `list ${list + 1}`
  const union = unite(lists, spec, nameOf)
  const { fused, order } = rankUnion(union, spec)
  const hits = order.map((document) => {
    const hit = assemble(union, document, saturated(fused.scores[document]!, spec))
    return options.explain ? { ...hit, explanation: explain(union, document, fused, spec, nameOf) } : hit
  })
  const warnings: Warning[] =
    union.duplicates.length > 0
      ? [{ code: "duplicate-hit", count: union.duplicates.length, ids: union.duplicates }]
      : []
  return { hits, warnings }
}

/** The scores of a union under a spec, and its documents best first. */
export function rankUnion(union: Union, spec: ResolvedSpec): { fused: Fused; order: number[] } {
  const fused = combine(union, spec)
  const { scores } = fused
  const order = Array.from(union.ids.keys()).sort(
    (left, right) => scores[right]! - scores[left]! || compareIds(union.ids[left]!, union.ids[right]!),
  )
  return { fused, order }
}

/** Brings lists together and checks their scores; the result serves any weights. */
export function unite(
  lists: readonly (readonly Hit[])[],
  spec: ResolvedSpec,
  nameOf: (list: number) => string = (list) => `list ${list + 1}`,
): Union {
  const index = new Map<string, number>()
  const duplicates: string[] = []
  const unique = lists.map((list, number) => {
    const seen = new Set<string>()
    return list.filter((hit) => {
      if (Number.isNaN(hit.score) || (spec.readsScores && !Number.isFinite(hit.score)))
        throw new RankineError(
          "score-kind",
          `${nameOf(number)} scores document "${hit.id}" with ${hit.score}: mend the retriever, such a score cannot be fused`,
        )
      if (seen.has(hit.id)) {
        duplicates.push(hit.id)
        return false
      }
      seen.add(hit.id)
      if (!index.has(hit.id)) index.set(hit.id, index.size)
      return true
    })
  })
  const columns = unique.map((list): Column => {
    const ranks = new Int32Array(index.size)
    const scores = new Float64Array(index.size).fill(Number.NaN)
    list.forEach((hit, position) => {
      const document = index.get(hit.id)!
      ranks[document] = position + 1
      scores[document] = hit.score
    })
    return { ranks, scores, length: list.length }
  })
  return { ids: [...index.keys()], columns, lists: unique, duplicates }
}

/** Throws `score-kind` for a score below 0, whose order the saturation would not keep. */
function saturated(score: number, { saturation, name }: ResolvedSpec): number {
  if (saturation === undefined) return score
  if (score < 0)
    throw new RankineError(
      "score-kind",
      `${name} gave a score below 0 (${score}), which cannot be saturated: use norm min-max or deviations, or leave saturation out`,
    )
  return score / (score + saturation)
}

function combine(union: Union, spec: ResolvedSpec): Fused {
  const count = union.ids.length
  const normalise = normalisations[spec.norm]
  return spec.method.combine({
    columns: union.columns.map((column) => ({ ...column, scores: normalise(column, count) })),
    weights: spec.weights,
    count,
    parameters: spec.parameters,
    byId: () =>
      Int32Array.from(
        Array.from(union.ids.keys()).sort((left, right) => compareIds(union.ids[left]!, union.ids[right]!)),
      ),
  })
}

/** The fused hit has the text, span and source of the list that ranks it best. */
function assemble(union: Union, document: number, score: number): Hit {
  let best: Hit | undefined
  let bestRank = Number.POSITIVE_INFINITY
  let text: Hit["document"]
  union.columns.forEach(({ ranks }, list) => {
    const rank = ranks[document]!
    if (rank === 0) return
    const hit = union.lists[list]![rank - 1]!
    text ??= hit.document
    if (rank < bestRank) {
      best = hit
      bestRank = rank
    }
  })
  const { explanation: _, ...hit } = best!
  return { ...hit, score, ...(text && !hit.document ? { document: text } : {}) }
}

function explain(
  union: Union,
  document: number,
  fused: Fused,
  spec: ResolvedSpec,
  nameOf: (list: number) => string,
): Explanation {
  const details = union.columns.flatMap(({ ranks }, list): Explanation[] => {
    const rank = ranks[document]!
    const value = fused.parts?.[list]?.[document] ?? 0
    if (rank === 0 && value === 0) return []
    const weight = spec.method.weighted ? `, weight ${spec.weights[list]}` : ""
    if (rank === 0) return [{ value, description: `${nameOf(list)}: not retrieved${weight}` }]
    const hit = union.lists[list]![rank - 1]!
    const description = `${nameOf(list)}: rank ${rank}, score ${Number(hit.score.toPrecision(6))}${weight}`
    return [hit.explanation ? { value, description, details: [hit.explanation] } : { value, description }]
  })
  const value = fused.scores[document]!
  if (!fused.parts)
    return {
      value,
      description: `${spec.name}: place from the end; ${details.map((part) => part.description).join("; ")}`,
    }
  const norm = spec.method.normalised ? `, ${spec.norm}` : ""
  const sum = { value, description: `${spec.name}${norm}: sum of`, details }
  if (spec.saturation === undefined) return sum
  return { value: saturated(value, spec), description: `sum / (sum + ${spec.saturation}) of`, details: [sum] }
}
