/** What a language model can do, as data. @module */
import { RankineError } from "../../core/errors.js"

/** Each capability, and what its absence means for whoever asks. */
const capabilities = {
  tokenizer: "counting and cutting by tokens",
  chatTemplate: "rendering a conversation as text",
  tokenIds: "prompts and answers as token ids",
  chat: "conversations",
  completion: "prompts without a chat template",
  prefill: "answers whose beginning is given",
  logits: "raw scores of tokens",
  logprobs: "log-probabilities of the tokens that were chosen",
  scoreTokens: "log-probabilities of named next tokens",
  logLikelihood: "the log-probability of a given text",
  allowedTokens: "answers out of a set of tokens",
  topK: "the setting topK",
  minP: "the setting minP",
  repetitionPenalty: "the setting repetitionPenalty",
  seed: "the setting seed",
} as const

export type Capability = keyof typeof capabilities

export const allCapabilities: ReadonlySet<Capability> = new Set(Object.keys(capabilities) as Capability[])

/**
 * @param advice what to do instead, after the reason
 * @throws RankineError `model` where the model cannot do it
 */
export function requireCapability(
  model: { readonly name: string; readonly capabilities: ReadonlySet<Capability> },
  capability: Capability,
  advice: string,
): void {
  if (model.capabilities.has(capability)) return
  throw new RankineError("model", `${model.name} does not offer ${capabilities[capability]}: ${advice}`, {
    details: { capability, capabilities: [...model.capabilities] },
  })
}
