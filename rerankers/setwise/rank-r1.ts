import type { LanguageModel } from "../../src/models/index.js"
import { loadPrompt } from "../prompts/load-prompt.js"
import { checkOneOf } from "../sorting/settings.js"
import { type SetwiseMethodOptions, type SetwiseReranker, setwiseReranker } from "./setwise.js"

/** Prompts of the released models: `sft` is the variant that answers without reasoning. */
const prompts = { "0.1": "rank-r1", "0.2": "rank-r1-v0.2", sft: "rank-r1-sft" } as const

export interface RankR1Options extends SetwiseMethodOptions {
  /** Which models the prompt is for; they were trained with different ones. Default `0.1`. `sft` answers without reasoning. */
  readonly version?: keyof typeof prompts
}

/**
 * Rank-R1: a model that reasons about 20 documents at once and names the most relevant one; a heapsort with 19 children to a node finds the best ten.
 * Documents are shown in random order, the same for the same seed. The answer is what stands in the last answer tag behind the thoughts; an
 * answer without a tag, or whose thoughts did not come to an end within `maxTokens`, leaves the order as it is and is counted in `repaired`.
 *
 * The prompts are in our words: give a checkpoint those that it was trained behind as a file (`prompt`), and the same way to write labels.
 *
 * Throws as `setwise`.
 *
 * Source: Zhuang et al., "Rank-R1: enhancing reasoning in LLM-based document rerankers via reinforcement learning", 2025 (arXiv 2503.06034).
 */
export async function rankR1(model: LanguageModel, options: RankR1Options = {}): Promise<SetwiseReranker> {
  const { version = "0.1", ...rest } = options
  checkOneOf("version", version, Object.keys(prompts) as (keyof typeof prompts)[])
  const prompt = await loadPrompt(options.prompt ?? prompts[version])
  const settings = { children: 19, shuffle: true, ...rest }
  return setwiseReranker(model, prompt, settings, { method: "rank-r1", version, by: "generation" })
}
