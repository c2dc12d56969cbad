import type { LanguageModel } from "../../src/models/index.js"
import { ProgramReranker } from "../program/program-reranker.js"
import type { SelectAnswer, SelectQuestion } from "../program/questions.js"
import { loadPrompt } from "../prompts/load-prompt.js"
import { positionOf } from "../prompts/permutation.js"
import type { Prompt } from "../prompts/prompt.js"
import { GenerationOracle, type PromptSettings, type Read } from "../prompts/prompt-oracle.js"
import { type TourRankSettings, tourRankProgram } from "./tour-rank-program.js"
import type { MethodOptions } from "./windowed.js"

export interface TourRankOptions extends MethodOptions, TourRankSettings, PromptSettings {}

/** Tokens that one document of an answer takes: `Document 12, `. */
const TOKENS_PER_CHOICE = 10

/**
 * TourRank: tournaments in which the model chooses the best of each group, all groups of a stage at once; the score of a document is the number of
 * times it was chosen, and equal ones keep their incoming order (so that the scores are ordinal).
 *
 * Throws `argument` for settings out of range; when reranking, as `ProgramReranker`.
 *
 * Source: Chen et al., "TourRank", WWW 2025; ten tournaments gave it more than one.
 */
export async function tourRank(
  model: LanguageModel,
  options: TourRankOptions = {},
): Promise<ProgramReranker<SelectQuestion, SelectAnswer>> {
  const {
    tournaments = 1,
    groupSize = 20,
    stages,
    name = "tour-rank",
    prompt: file,
    concurrency,
    ...settings
  } = options
  const held = { tournaments, groupSize, ...(stages ? { stages } : {}) }
  const program = tourRankProgram(held)
  const prompt = await loadPrompt(file ?? "tour-rank")
  const choices = Math.max(
    Math.ceil(groupSize / 2),
    ...(stages ?? []).map(({ groups, keep }) => Math.ceil(keep / groups)),
  )
  const oracle = new GenerationOracle<SelectQuestion, SelectAnswer>(
    model,
    prompt,
    ({ documents, count }) => ({ documents, values: { select: count } }),
    (completion, question) => readSelection(prompt, completion, question),
    { ...settings, maxTokens: settings.maxTokens ?? Math.max(prompt.file.maxTokens, TOKENS_PER_CHOICE * choices) },
  )
  return new ProgramReranker(program, oracle, {
    name,
    scoreKind: "ordinal",
    describe: { method: "tour-rank", ...held },
    ...(concurrency === undefined ? {} : { concurrency }),
  })
}

/** The first `count` documents that an answer names. Where it names none in the prompt's way, bare numbers are taken for labels. */
export function readSelection(
  prompt: Prompt,
  completion: string,
  { documents, count }: SelectQuestion,
): Read<SelectAnswer> {
  let named = prompt.positions(completion)
  if (named.length === 0)
    named = [...prompt.answerText(completion).matchAll(/[0-9]+/gu)].map(([label]) => positionOf(label, "number"))
  const valid = new Set(named.filter((position) => position >= 0 && position < documents.length))
  const selected = [...valid].slice(0, count)
  const clean = named.length === count && selected.length === count
  return { answer: { selected }, ...(clean ? {} : { malformed: true }) }
}
