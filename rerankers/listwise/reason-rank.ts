import type { LanguageModel } from "../../src/models/index.js"
import { loadPrompt } from "../prompts/load-prompt.js"
import { type ListwiseReranker, orderOracle, splitWindowed, type WindowedOptions, windowed } from "./windowed.js"

export interface ReasonRankOptions extends WindowedOptions {
  /** `qwen3` for models that think by themselves: a short system message, and sampling as their makers advise. Default `qwen2.5`. */
  readonly variant?: "qwen2.5" | "qwen3"
}

/**
 * ReasonRank: the model thinks about a window of 20 documents, then orders them within `<answer>`. Read leniently: the last answer tag, else what
 * follows an unfinished one, else the whole text; digits are labels, the first of equal ones counts, missing ones are appended.
 *
 * Throws `argument` for windows that make no sense; when reranking, as `ProgramReranker`.
 *
 * Source: Liu et al., arXiv 2508.07050; windows of 10 by steps of 5 gave its larger model more.
 */
export async function reasonRank(model: LanguageModel, options: ReasonRankOptions = {}): Promise<ListwiseReranker> {
  const { variant = "qwen2.5", ...rest } = options
  const { windows, name, prompt, concurrency, settings } = splitWindowed(rest)
  const loaded = await loadPrompt(prompt ?? (variant === "qwen3" ? "reason-rank-qwen3" : "reason-rank"))
  return windowed("reason-rank", orderOracle(model, loaded, settings), windows, {
    ...(name === undefined ? {} : { name }),
    ...(concurrency === undefined ? {} : { concurrency }),
  })
}
