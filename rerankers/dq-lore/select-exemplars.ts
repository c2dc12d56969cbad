import { addUsage, noUsage, RankineError, type Usage } from "../../src/core/index.js"
import type { LanguageModel } from "../../src/models/index.js"
import { type Exemplar, type ExemplarPool, textOf } from "./exemplar-pool.js"
import { chainOfThought, exemplarPrompt, formFor, QUESTION } from "./exemplar-prompt.js"
import { checkLowRank, type LowRankOptions, lowRankScores } from "./low-rank-scores.js"

export interface ExemplarQuestion {
  /** Where the question is one of the pool, its id there: it is no exemplar for itself. Found by its text too. */
  readonly id?: string
  readonly text: string
}

export interface SelectExemplarsOptions extends LowRankOptions {
  readonly pool: ExemplarPool
  /** n: exemplars to select. Default 8. */
  readonly count?: number
  /** M: nearest exemplars that are reranked. Default 64. */
  readonly candidates?: number
  /** Thinks about the question first. Without it, and without `thoughts`, the question alone is searched with. */
  readonly model?: LanguageModel
  /** A chain of thought that is known, for each question. */
  readonly thoughts?: readonly string[]
  /** What the model is shown in the first query. Default: the `count` exemplars of the pool with the most steps, as in Complex-CoT. */
  readonly initial?: readonly Pick<Exemplar, "question" | "solution">[]
  /** Of the chain of thought. Default 300. */
  readonly maxTokens?: number
  /** How the first query is asked. Default: as a conversation where the model knows those. */
  readonly form?: "chat" | "plain"
  /** `false` leaves out the low-rank step: the nearest by plain inner product. Default true. */
  readonly lowRank?: boolean
  readonly signal?: AbortSignal
}

export interface ExemplarSelection {
  /** The best first. */
  readonly exemplars: readonly Exemplar[]
  readonly scores: readonly number[]
  /** What was searched with besides the question; missing where there was none. */
  readonly thoughts?: string
  /** The text that was searched with was longer than the embedding model reads. */
  readonly truncated: boolean
  readonly usage: Usage
}

/**
 * Exemplars for questions, for in-context learning: a language model thinks about each question behind a few initial exemplars; question and
 * chain of thought together are searched in the pool; the nearest are reranked by low-rank scores; the best are given. A question that is
 * itself in the pool is never its own exemplar.
 *
 * Throws `argument` for options out of range, `model` where a model fails. DQ-LoRe (arXiv 2310.02954).
 */
export async function selectExemplars(
  questions: readonly (ExemplarQuestion | string)[],
  options: SelectExemplarsOptions,
): Promise<ExemplarSelection[]> {
  const { pool, count = 8, candidates = 64, maxTokens = 300, lowRank = true, signal } = options
  const low = checkLowRank(options)
  for (const [name, value] of Object.entries({ count, candidates, maxTokens }))
    if (!Number.isInteger(value) || value < 1)
      throw new RankineError("argument", `${name} must be a whole number of at least 1, got ${value}`)
  if (candidates < count)
    throw new RankineError("argument", `candidates (${candidates}) must be at least count (${count})`)
  const asked = questions.map(
    (question): ExemplarQuestion => (typeof question === "string" ? { text: question } : question),
  )
  asked.forEach(({ text }, index) => {
    if (typeof text !== "string" || text.trim() === "")
      throw new RankineError("argument", `question ${index + 1} of ${asked.length} has no text: give it one`)
  })
  const run = signal ? { signal } : {}
  const firsts = await firstQueries(asked, { ...options, count, maxTokens })
  const texts = asked.map(({ text }, index) => {
    const { thoughts } = firsts[index]!
    return thoughts ? textOf({ question: text, solution: thoughts }) : text
  })
  const begun = performance.now()
  const { vectors, tokens, lengths, truncated } = await pool.model.embed(texts, "query", run)
  const seconds = (performance.now() - begun) / 1000 / Math.max(1, asked.length)
  return asked.map((question, index) => {
    const started = performance.now()
    const vector = vectors[index]!
    const near = pool.nearest(vector, candidates, pool.ownIds(question))
    const scores = lowRank
      ? lowRankScores(
          vector,
          near.map(({ place }) => pool.vectors[place]!),
          low,
        )
      : near.map(({ score }) => score)
    // Equal scores keep the order of nearness: sorting is stable.
    const best = near
      .map(({ place }, at) => ({ exemplar: pool.exemplars[place]!, score: scores[at]! }))
      .sort((left, right) => right.score - left.score)
      .slice(0, count)
    const { thoughts, usage } = firsts[index]!
    const searched = {
      ...noUsage,
      calls: 1,
      promptTokens: lengths?.[index] ?? Math.round(tokens / asked.length),
      seconds: seconds + (performance.now() - started) / 1000,
    }
    return {
      exemplars: best.map(({ exemplar }) => exemplar),
      scores: best.map(({ score }) => score),
      ...(thoughts ? { thoughts } : {}),
      truncated: truncated.includes(index),
      usage: addUsage(usage, searched),
    }
  })
}

/** The chain of thought of each question, all in one call: they share their beginning. */
async function firstQueries(
  questions: readonly ExemplarQuestion[],
  options: SelectExemplarsOptions & { readonly count: number; readonly maxTokens: number },
): Promise<{ readonly thoughts: string; readonly usage: Usage }[]> {
  const {
    thoughts,
    model,
    pool,
    count,
    initial = mostSteps(pool.exemplars, count + 1),
    maxTokens,
    form,
    signal,
  } = options
  if (thoughts) {
    if (thoughts.length !== questions.length)
      throw new RankineError(
        "argument",
        `${questions.length} questions and ${thoughts.length} thoughts: give one for each`,
      )
    return thoughts.map((text) => ({ thoughts: chainOfThought(text), usage: noUsage }))
  }
  if (!model) return questions.map(() => ({ thoughts: "", usage: noUsage }))
  const asked = formFor(model, form)
  const generations = await model.generate(
    questions.map((question) => ({
      ...exemplarPrompt(
        shownTo(question, initial, pool).slice(0, options.initial ? undefined : count),
        question.text,
        asked,
      ),
      maxTokens,
      temperature: 0,
      ...(asked === "plain" ? { stop: [QUESTION] } : {}),
    })),
    signal ? { signal } : {},
  )
  return generations.map(({ text, usage }) => ({ thoughts: chainOfThought(text), usage }))
}

/** The initial exemplars without the question itself, which would tell the answer. */
function shownTo<Item extends Pick<Exemplar, "question" | "solution">>(
  question: ExemplarQuestion,
  initial: readonly Item[],
  pool: ExemplarPool,
): Item[] {
  const own = new Set(pool.ownIds(question))
  if (own.size === 0) return [...initial]
  const texts = new Set(pool.exemplars.filter(({ id }) => own.has(id)).map((exemplar) => exemplar.question))
  return initial.filter((each) => !texts.has(each.question))
}

/** Complex-CoT (Fu et al., "Complexity-based prompting", ICLR 2023): steps are lines; equal ones in the pool's order. */
export function mostSteps(exemplars: readonly Exemplar[], count: number): Exemplar[] {
  const steps = ({ solution }: Exemplar) => solution.split(/\n+/u).filter((line) => line.trim() !== "").length
  return exemplars
    .map((exemplar) => ({ exemplar, steps: steps(exemplar) }))
    .sort((left, right) => right.steps - left.steps)
    .slice(0, count)
    .map(({ exemplar }) => exemplar)
}
