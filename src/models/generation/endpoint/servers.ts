/** What kinds of endpoints can do, and how they call it. @module */
import type { Capability } from "../capabilities.js"

export type ServerKind = "openai" | "vllm" | "llama.cpp"

export interface ServerTraits {
  readonly capabilities: readonly Capability[]
  /** Most of the likeliest tokens that it names, in answers to conversations and to plain prompts. */
  readonly topLogprobs: { readonly chat: number; readonly completion: number }
  /** Names of fields beyond those that all have. */
  readonly fields: {
    readonly maxTokens: "max_tokens" | "max_completion_tokens"
    readonly repetitionPenalty?: string
  }
  /** Most stop texts of a request; the rest is looked for here. */
  readonly stops: number
}

const common: readonly Capability[] = ["chat", "completion", "logprobs", "scoreTokens", "seed"]

/**
 * Many endpoints are of the kind `openai`. What one can do beyond its kind is said with `capabilities`.
 * @see https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
 * @see https://github.com/ggml-org/llama.cpp/tree/master/tools/server
 */
export const servers: Readonly<Record<ServerKind, ServerTraits>> = {
  openai: {
    capabilities: common,
    topLogprobs: { chat: 20, completion: 5 },
    fields: { maxTokens: "max_completion_tokens" },
    stops: 4,
  },
  vllm: {
    capabilities: [...common, "prefill", "logLikelihood", "allowedTokens", "topK", "minP", "repetitionPenalty"],
    topLogprobs: { chat: 20, completion: 20 },
    fields: { maxTokens: "max_tokens", repetitionPenalty: "repetition_penalty" },
    stops: 64,
  },
  "llama.cpp": {
    capabilities: [...common, "topK", "minP", "repetitionPenalty"],
    topLogprobs: { chat: 100, completion: 100 },
    fields: { maxTokens: "max_tokens", repetitionPenalty: "repeat_penalty" },
    stops: 64,
  },
}
