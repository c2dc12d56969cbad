import {
  addUsage,
  type Budget,
  failedRanking,
  type Hit,
  mergeWarnings,
  noUsage,
  RankineError,
  type Ranking,
  type RerankTask,
  type ScoreKind,
  type Standing,
  type Usage,
  type Warning,
} from "../../src/core/index.js"
import { warnLanguage } from "../../src/models/registry/languages.js"
import { hasText, lackError, lacksDocuments, warnMissingTexts } from "../missing-texts.js"
import { type Answered, QUERY } from "./oracle.js"

/** One ranking on its way through a program: the hits that have texts, what was asked, and the order as far as it is known. */
export class ProgramWork {
  readonly task: RerankTask
  /** Nothing can be asked about this ranking: no texts, or no words in the query. */
  readonly idle: boolean
  usage: Usage = noUsage
  /** A budget has run out before the program's end. */
  ended = false
  error: RankineError | undefined
  #escaped = 0
  #queryCut = false
  readonly #truncated = new Set<string>()
  readonly #warnings: Warning[] = []
  readonly #rest: readonly Hit[]
  #asked = false
  #started: number | undefined

  constructor(
    readonly ranking: Ranking,
    readonly name: string,
    readonly scoreKind: ScoreKind,
    languages: readonly string[] | undefined,
  ) {
    const { query } = ranking
    const hits: Hit[] = []
    const rest: Hit[] = []
    for (const hit of ranking.hits) (hasText(hit.document) ? hits : rest).push(hit)
    this.task = { query, hits }
    this.#rest = rest
    const blank = query.text.trim() === ""
    this.idle = blank || hits.length === 0
    if (languages && !this.idle)
      this.#warnings.push(...warnLanguage([query.text, ...hits.map(({ document }) => document!.text)], languages))
    this.#warnings.push(...warnMissingTexts(ranking, blank))
    if (lacksDocuments(ranking)) this.error = lackError(name, ranking)
  }

  /** Seconds since the first question was asked. */
  get elapsed(): number {
    return this.#started === undefined ? 0 : (performance.now() - this.#started) / 1000
  }

  /** The clock of `maxSeconds` begins with the first question, not while other queries have their turn. */
  begin(): void {
    this.#started ??= performance.now()
  }

  /** How many of the questions, at most `most`, fit the budget; `cost` is the most tokens that each may take. */
  affordable(count: number, cost: (index: number) => number, budget: Budget): number {
    const { maxCalls = Number.POSITIVE_INFINITY, maxTokens, maxSeconds } = budget
    if (maxSeconds !== undefined && this.elapsed >= maxSeconds) return 0
    let fit = Math.min(count, Math.max(0, Math.floor(maxCalls) - this.usage.calls))
    if (maxTokens !== undefined) {
      let left = maxTokens - this.usage.promptTokens - this.usage.completionTokens
      let index = 0
      while (index < fit && (left -= cost(index)) >= 0) index++
      fit = index
    }
    return fit
  }

  take(answers: readonly Answered<unknown>[]): void {
    for (const { usage, truncated = [], escaped = 0, malformed } of answers) {
      this.#asked = true
      this.usage = addUsage(this.usage, { ...usage, truncated: 0, repaired: malformed ? 1 : 0 })
      for (const position of truncated)
        if (position === QUERY) this.#queryCut = true
        else this.#truncated.add(this.task.hits[position]!.id)
      this.#escaped += escaped
    }
  }

  /** The ranking by what is known: ordered documents first, the others below as they came in, those without text last. */
  toRanking(standing: Standing | undefined, final: boolean, explain: boolean | undefined): Ranking {
    const { ranking, task } = this
    const truncated = task.hits.filter(({ id }) => this.#truncated.has(id)).map(({ id }) => id)
    const cut = truncated.length + (this.#queryCut ? 1 : 0)
    const usage = addUsage(ranking.usage, { ...this.usage, truncated: cut })
    if (this.error) return { ...failedRanking(ranking, this.error), usage, final }
    const known = this.idle || !this.#asked || !standing ? undefined : standing
    const warnings = [...this.#warnings]
    // Ids are of documents; the query counts, too.
    if (cut > 0) warnings.push({ code: "truncated", count: cut, ...(truncated.length > 0 ? { ids: truncated } : {}) })
    if (this.#escaped > 0) warnings.push({ code: "escaped", count: this.#escaped })
    if (this.usage.repaired > 0) warnings.push({ code: "repaired", count: this.usage.repaired })
    return {
      ...ranking,
      hits: known ? this.#ordered(known, explain) : ranking.hits,
      // What no question was needed for (one document, say) is ranked all the same.
      status: this.ended ? "partial" : ranking.status,
      final,
      scoreKind: known ? (known.scores ? this.scoreKind : "ordinal") : ranking.scoreKind,
      warnings: mergeWarnings(ranking.warnings, warnings),
      usage,
    }
  }

  #ordered({ order, scores }: Standing, explain: boolean | undefined): Hit[] {
    const { hits } = this.task
    const placed = new Set(order)
    if (placed.size !== order.length || order.some((position) => !hits[position]))
      throw new RankineError("internal", `${this.name} ordered a document twice, or one that is not there`)
    const rest = hits.filter((_, position) => !placed.has(position))
    const ordered = order.map((position, rank) => {
      const { explanation: _, ...kept } = hits[position]!
      // Scores of an order count down to 1, above everything that was not ordered.
      const score = scores ? scores[rank]! : order.length - rank
      return {
        ...kept,
        score,
        ...(explain ? { explanation: { value: score, description: `${this.name}: rank ${rank + 1}` } } : {}),
      }
    })
    const below = [...rest, ...this.#rest].map((hit, index) => {
      if (scores) return hit
      const { explanation: _, ...kept } = hit
      return { ...kept, score: -index }
    })
    return [...ordered, ...below]
  }
}
