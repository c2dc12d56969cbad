import type { LanguageModel } from "../../src/models/index.js"
import { type ListwiseReranker, type WindowedOptions, writtenOrder } from "./windowed.js"

/**
 * RankGPT: windows of 20 documents, shown one message each in a conversation, which the model puts in order. What an answer leaves out follows in the
 * order in which it was shown; every repair is counted in the warning `repaired`. Scores are ordinal.
 *
 * Throws `argument` for windows that make no sense; when reranking, as `ProgramReranker`.
 *
 * Source: Sun et al., "Is ChatGPT good at search?", EMNLP 2023. The head of the list is not skipped where the steps do not end there.
 */
export function rankGpt(model: LanguageModel, options: WindowedOptions = {}): Promise<ListwiseReranker> {
  return writtenOrder("rank-gpt", "rank-gpt", model, options)
}
