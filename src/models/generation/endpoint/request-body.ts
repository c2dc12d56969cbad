/** From a request to the body that an endpoint understands. @module */
import { RankineError } from "../../../core/errors.js"
import { type Capability, requireCapability } from "../capabilities.js"
import { fitPrompt } from "../fit-prompt.js"
import type { GenerationRequest, Message, PromptInput } from "../language-model.js"
import { escapeSpecial } from "../reserved-text.js"
import type { CheckedSettings } from "../settings.js"
import { isIds } from "../text-codec.js"
import type { EndpointSettings } from "./endpoint-options.js"

type Json = Record<string, unknown>

export interface EndpointPrompt {
  readonly path: "/chat/completions" | "/completions"
  readonly body: Json
  /** The prompt in tokens, where they are known here. */
  readonly ids?: readonly number[]
  readonly cutTokens: number
  readonly escaped: number
}

/** The endpoint's own name, for messages. */
export interface Named {
  readonly name: string
  readonly capabilities: ReadonlySet<Capability>
}

/** Throws `model` for what the endpoint cannot do, `argument` for a prompt that is empty or too long. */
export function promptBody(
  input: PromptInput,
  endpoint: EndpointSettings,
  named: Named,
  limits: { readonly answer: number; readonly tooLong: "throw" | "cut-start" | "cut-end" },
): EndpointPrompt {
  const { codec, maxLength } = endpoint
  if (codec && ("prompt" in input || codec.chatTemplate)) {
    requireCapability(
      named,
      "completion",
      "it must offer /completions for prompts that are tokenized here; leave codec out",
    )
    const isSpecial = (id: number) => codec.specialIds.has(id)
    const all = codec.encode(input)
    const { ids, cutTokens } = fitPrompt(all, { ...limits, isSpecial, maxLength: maxLength ?? Number.MAX_SAFE_INTEGER })
    return { path: "/completions", body: { prompt: ids }, ids, cutTokens, escaped: 0 }
  }
  if (limits.tooLong !== "throw")
    requireCapability(named, "tokenizer", "it cannot cut by tokens; give a codec (loadTextCodec)")
  return "messages" in input ? chatBody(input, endpoint, named) : plainBody(input, endpoint, named)
}

function plainBody(
  { prompt, special = true }: Extract<PromptInput, { readonly prompt: unknown }>,
  { escapes, server }: EndpointSettings,
  named: Named,
): EndpointPrompt {
  requireCapability(named, "completion", "give messages instead of a prompt")
  if (isIds(prompt)) {
    requireCapability(named, "tokenIds", "give the prompt as text")
    return { path: "/completions", body: { prompt }, ids: prompt, cutTokens: 0, escaped: 0 }
  }
  const parts = typeof prompt === "string" ? [prompt] : prompt
  let escaped = 0
  const text = parts.map((part) => {
    if (typeof part === "string" || !escapes) return typeof part === "string" ? part : part.text
    const { text: broken, count } = escapeSpecial(part.text)
    escaped += count
    return broken
  })
  if (text.join("") === "") throw new RankineError("argument", "a prompt is empty: give at least one token")
  const bare = !special && server === "vllm" ? { add_special_tokens: false } : {}
  return { path: "/completions", body: { prompt: text.join(""), ...bare }, cutTokens: 0, escaped }
}

function chatBody(
  { messages, prefill, variables }: Extract<PromptInput, { readonly messages: unknown }>,
  { escapes }: EndpointSettings,
  named: Named,
): EndpointPrompt {
  requireCapability(named, "chat", "give a prompt instead of messages, or a codec with a chat template")
  if (messages.length === 0) throw new RankineError("argument", "a conversation has no messages: give one at least")
  let escaped = 0
  const safe = messages.map(({ role, content }): Message => {
    if (!escapes) return { role, content }
    const { text, count } = escapeSpecial(content, role === "assistant")
    escaped += count
    return { role, content: text }
  })
  const body: Json = { messages: safe, ...(variables ? { chat_template_kwargs: variables } : {}) }
  if (prefill !== undefined && prefill !== "") {
    requireCapability(named, "prefill", "ask for the beginning in the last message, or give a codec (loadTextCodec)")
    body.messages = [...safe, { role: "assistant", content: prefill }]
    body.continue_final_message = true
    body.add_generation_prompt = false
  }
  return { path: "/chat/completions", body, cutTokens: 0, escaped }
}

/** What is asked for beside the prompt. Throws `model` for settings that the endpoint does not know. */
export function settingsBody(
  request: GenerationRequest,
  settings: CheckedSettings,
  path: EndpointPrompt["path"],
  endpoint: EndpointSettings,
  named: Named,
): Json {
  const { traits, codec } = endpoint
  const { temperature, topK, topP, minP, repetitionPenalty, maxTokens, stop, seed, logprobs } = settings
  const body: Json = { [path === "/completions" ? "max_tokens" : traits.fields.maxTokens]: maxTokens, temperature }
  const need = (capability: Capability) => requireCapability(named, capability, "leave it out, or use a local model")
  if (topP < 1) body.top_p = topP
  if (topK > 0) {
    need("topK")
    body.top_k = topK
  }
  if (minP > 0) {
    need("minP")
    body.min_p = minP
  }
  if (repetitionPenalty !== 1) {
    need("repetitionPenalty")
    body[traits.fields.repetitionPenalty ?? "repetition_penalty"] = repetitionPenalty
  }
  if (named.capabilities.has("seed")) body.seed = seed
  else if (request.seed !== undefined && temperature > 0) need("seed")
  if (stop.length > 0) body.stop = stop.slice(0, traits.stops)
  if (request.allowedTokens) {
    need("allowedTokens")
    if (!codec && request.allowedTokens.some((token) => typeof token === "string"))
      throw new RankineError(
        "argument",
        "allowedTokens by text need the model's tokenizer: give ids, or a codec (loadTextCodec)",
      )
    body.allowed_token_ids = request.allowedTokens.map((token) => (codec ? codec.idOf(token) : token))
  }
  // Named tokens are looked for among as many as there are.
  if (request.namedTokens) Object.assign(body, logprobsBody(mostLogprobs(path, endpoint), path, endpoint, named))
  else if (logprobs !== undefined) Object.assign(body, logprobsBody(logprobs, path, endpoint, named))
  return body
}

/** How many of the likeliest tokens the endpoint names. */
export function mostLogprobs(path: EndpointPrompt["path"], { traits }: EndpointSettings): number {
  return path === "/completions" ? traits.topLogprobs.completion : traits.topLogprobs.chat
}

/** Throws `argument` for more alternatives than the endpoint names. */
export function logprobsBody(
  count: number,
  path: EndpointPrompt["path"],
  endpoint: EndpointSettings,
  named: Named,
): Json {
  requireCapability(named, "logprobs", "leave logprobs out, or use a local model")
  const most = mostLogprobs(path, endpoint)
  if (count > most)
    throw new RankineError(
      "argument",
      `${named.name} names at most ${most} of the likeliest tokens, not ${count}: ask for fewer, or say that it names more (topLogprobs)`,
    )
  // Tokens by id are told apart where their texts are not.
  const byId = endpoint.server === "vllm" && endpoint.codec ? { return_tokens_as_token_ids: true } : {}
  if (path === "/completions") return { logprobs: count, ...byId }
  return { logprobs: true, ...(count > 0 ? { top_logprobs: count } : {}), ...byId }
}
