import type { LanguageModel } from "../../src/models/index.js"
import { type ListwiseReranker, type WindowedOptions, writtenOrder } from "./windowed.js"

/**
 * RankZephyr: windows of 20 documents in one message, which the model puts in order. Otherwise as `rankGpt`.
 *
 * Source: Pradeep et al., "RankZephyr", 2023.
 */
export function rankZephyr(model: LanguageModel, options: WindowedOptions = {}): Promise<ListwiseReranker> {
  return writtenOrder("rank-zephyr", "rank-zephyr", model, options)
}

/**
 * RankVicuna, RankZephyr's elder sister, reads the same prompt.
 *
 * Source: Pradeep et al., "RankVicuna: zero-shot listwise document reranking with open-source large language models", 2023.
 */
export function rankVicuna(model: LanguageModel, options: WindowedOptions = {}): Promise<ListwiseReranker> {
  return writtenOrder("rank-vicuna", "rank-zephyr", model, options)
}
