import {
  addUsage,
  failedRanking,
  type Hit,
  mergeWarnings,
  noUsage,
  RankineError,
  type Ranking,
  type ScoreKind,
  sortReranked,
  type Warning,
} from "../../src/core/index.js"
import type { PairScores, TextPair } from "../../src/models/pair-scorer.js"
import { warnLanguage } from "../../src/models/registry/languages.js"
import { hasText, lackError, lacksDocuments, warnMissingTexts } from "../missing-texts.js"
import type { PromptRenderer, RenderedDocument } from "./pair-prompts.js"

/** One ranking on its way: its distinct texts as pairs, in first-stage order, and how far they are scored. */
export class PairWork {
  readonly pairs: readonly TextPair[]
  /** How many of the pairs are scored: the first ones. */
  scored = 0
  tokens = 0
  cachedTokens = 0
  seconds = 0
  /** A budget has run out before the last pair. */
  ended = false
  error: RankineError | undefined
  readonly #rendered: readonly (RenderedDocument | undefined)[]
  /** For each hit the position of its pair, -1 for hits without text. */
  readonly #pairOf: readonly number[]
  readonly #scores: number[] = []
  readonly #spans: NonNullable<PairScores["spans"]>[number][] = []
  readonly #truncated = new Set<number>()
  readonly #warnings: Warning[] = []

  constructor(
    readonly ranking: Ranking,
    readonly scorer: {
      readonly name: string
      readonly scoreKind: ScoreKind
      readonly languages?: readonly string[] | undefined
    },
    prompts: PromptRenderer,
  ) {
    const query = prompts.query(ranking.query)
    const blank = query.trim() === ""
    const known = new Map<string, number>()
    const pairs: TextPair[] = []
    this.#rendered = ranking.hits.map(({ document }) => (hasText(document) ? prompts.document(document) : undefined))
    this.#pairOf = this.#rendered.map((rendered) => {
      if (!rendered || blank) return -1
      let pair = known.get(rendered.text)
      if (pair === undefined) {
        known.set(rendered.text, (pair = pairs.length))
        pairs.push({ query, document: rendered.text })
      }
      return pair
    })
    this.pairs = pairs
    const { languages } = scorer
    if (languages && !blank)
      this.#warnings.push(...warnLanguage([query, ...pairs.map(({ document }) => document)], languages))
    this.#warnings.push(...warnMissingTexts(ranking, blank))
    if (lacksDocuments(ranking) && this.#warnings.length > 0) this.error = lackError(scorer.name, ranking)
  }

  get finished(): boolean {
    return this.ended || this.error !== undefined || this.scored === this.pairs.length
  }

  /** Takes in the answers of the next pairs, `count` of them, that begin at `from` in `result`. */
  take(result: PairScores, from: number, count: number): void {
    for (let at = from; at < from + count; at++) {
      const score = result.scores[at]
      if (!Number.isFinite(score)) {
        const pair = this.scored + at - from
        const { id } = this.ranking.hits[this.#pairOf.indexOf(pair)]!
        this.error = new RankineError(
          "model",
          `${this.scorer.name} gives ${score} for document "${id}" and query "${this.ranking.query.id}": load it with a ` +
            "higher precision, or leave that document out",
        )
        return
      }
      this.#scores.push(score)
      this.#spans.push(result.spans?.[at])
    }
    for (const at of result.truncated) if (at >= from && at < from + count) this.#truncated.add(this.scored + at - from)
    this.scored += count
  }

  /** The ranking as far as it is known: scored hits in their new order, the others below in theirs. */
  toRanking(final: boolean, explain: boolean | undefined): Ranking {
    const { ranking } = this
    const truncated = ranking.hits.filter((_, index) => this.#truncated.has(this.#pairOf[index]!)).map(({ id }) => id)
    const usage = addUsage(ranking.usage, {
      ...noUsage,
      calls: this.scored,
      promptTokens: Math.round(this.tokens),
      cachedTokens: Math.round(this.cachedTokens),
      truncated: truncated.length,
      seconds: this.seconds,
    })
    if (this.error) return { ...failedRanking(ranking, this.error), usage }
    const scored: Hit[] = []
    const rest: Hit[] = []
    ranking.hits.forEach((hit, index) => {
      const pair = this.#pairOf[index]!
      if (pair === -1 || pair >= this.scored) rest.push(hit)
      else scored.push(this.#scoredHit(hit, index, pair, explain))
    })
    const warnings = [...this.#warnings]
    if (truncated.length > 0) warnings.push({ code: "truncated", count: truncated.length, ids: truncated })
    const whole = this.scored === this.pairs.length
    return {
      ...ranking,
      hits: [...sortReranked(scored), ...rest],
      status: whole ? ranking.status : "partial",
      final,
      // Nothing scored: the scores are still those that came in.
      scoreKind: scored.length > 0 || ranking.hits.length === 0 ? this.scorer.scoreKind : ranking.scoreKind,
      warnings: mergeWarnings(ranking.warnings, warnings),
      usage,
    }
  }

  #scoredHit(hit: Hit, index: number, pair: number, explain: boolean | undefined): Hit {
    const score = this.#scores[pair]!
    // The explanation that came in is of another score.
    const { explanation: _, ...kept } = hit
    const span = this.#spans[pair]
    const { offset } = this.#rendered[index]!
    const { length } = hit.document!.text
    const place = (at: number) => Math.min(length, Math.max(0, at - offset))
    return {
      ...kept,
      score,
      ...(span ? { span: [place(span[0]), place(span[1])] as const } : {}),
      ...(explain
        ? { explanation: { value: score, description: `${this.scorer.scoreKind} by ${this.scorer.name}` } }
        : {}),
    }
  }
}
