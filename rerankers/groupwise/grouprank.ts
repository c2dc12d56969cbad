import { RankineError, type Ranking, type RunOptions } from "../../src/core/index.js"
import type { LanguageModel } from "../../src/models/index.js"
import { ProgramReranker } from "../program/program-reranker.js"
import type { GroupwiseAnswer, GroupwiseQuestion } from "../program/questions.js"
import { loadPrompt } from "../prompts/load-prompt.js"
import { GenerationOracle, type PromptSettings } from "../prompts/prompt-oracle.js"
import { groupScores } from "./group-scores.js"
import { checkGroups, type GroupOptions, groupProgram, paperFusion } from "./groups.js"

export interface GroupRankOptions extends Omit<GroupOptions, "fusion">, PromptSettings {
  /** `true` for the paper's 0.6 and 0.4. First-stage scores must mean something: ordinal ones are refused. */
  readonly fusion?: GroupOptions["fusion"] | boolean
  /** A prompt's name, or a YAML file of one's own. Default `grouprank`. */
  readonly prompt?: string
  readonly name?: string
  /** Queries side by side. */
  readonly concurrency?: number
}

/**
 * Reranks by scores that a language model gives to shuffled groups of documents, all groups at once. Scores are in [0, 1] and can be compared
 * between queries; what an answer omits, misnames or writes as broken JSON is repaired and counted in the warning `repaired`.
 *
 * Throws `argument` for options out of range, `score-kind` for fusion with ordinal scores; otherwise as `ProgramReranker`.
 *
 * GroupRank (arXiv 2511.11653): groups of 20; repeats improve it further.
 */
export async function groupRank(
  model: LanguageModel,
  options: GroupRankOptions = {},
): Promise<ProgramReranker<GroupwiseQuestion, GroupwiseAnswer>> {
  const { groupSize, repeats, asked, unreadable, fusion: asksFusion, prompt: file = "grouprank", ...rest } = options
  const { name, concurrency, ...settings } = rest
  const fusion = asksFusion === true ? paperFusion : asksFusion === false ? undefined : asksFusion
  const groups = checkGroups({
    ...(groupSize === undefined ? {} : { groupSize }),
    ...(repeats === undefined ? {} : { repeats }),
    ...(asked === undefined ? {} : { asked }),
    ...(unreadable === undefined ? {} : { unreadable }),
    ...(fusion ? { fusion } : {}),
  })
  const prompt = await loadPrompt(file)
  const oracle = new GenerationOracle<GroupwiseQuestion, GroupwiseAnswer>(
    model,
    prompt,
    ({ documents }) => ({ documents }),
    (completion, { documents }) => {
      const { scores, repaired } = groupScores(prompt.answerText(completion), documents.length)
      return { answer: { scores }, ...(repaired ? { malformed: true } : {}) }
    },
    settings,
  )
  return new GroupReranker(groupProgram(groups), oracle, {
    name: name ?? `grouprank(${model.name})`,
    scoreKind: "probability",
    describe: { method: "grouprank", ...groups },
    ...(concurrency === undefined ? {} : { concurrency }),
  })
}

class GroupReranker extends ProgramReranker<GroupwiseQuestion, GroupwiseAnswer> {
  override async rerank(rankings: readonly Ranking[], options?: RunOptions): Promise<Ranking[]> {
    this.#requireScores(rankings)
    return super.rerank(rankings, options)
  }

  override stream(rankings: readonly Ranking[], options?: RunOptions): AsyncGenerator<Ranking> {
    this.#requireScores(rankings)
    return super.stream(rankings, options)
  }

  #requireScores(rankings: readonly Ranking[]): void {
    if (!this.describe().fusion) return
    const ordinal = rankings.find(({ scoreKind, hits }) => scoreKind === "ordinal" && hits.length > 0)
    if (ordinal)
      throw new RankineError(
        "score-kind",
        `the scores of query "${ordinal.query.id}" are ordinal, and fusion adds scores: leave fusion out, or fuse by rank (rrf)`,
      )
  }
}
