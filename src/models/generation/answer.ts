/** One answer as it grows: sampling, stop texts, decoding, what is reported. @module */
import { type RankineError, toRankineError } from "../../core/errors.js"
import { noUsage } from "../../core/ranking.js"
import { chooseToken, drawOf, logProbabilities } from "./choose-token.js"
import { Detokenizer } from "./detokenizer.js"
import type { ChosenToken, FinishReason, Generation, GenerationEvent, TokenLogprob } from "./language-model.js"
import { largest } from "./sampling.js"
import type { CheckedSettings } from "./settings.js"
import { StopMatcher } from "./stop-matcher.js"
import type { TextCodec } from "./text-codec.js"

export interface AnswerOptions {
  /** The whole prompt. */
  readonly prompt: readonly number[]
  readonly cutTokens: number
  readonly settings: CheckedSettings
  /** In ascending order. */
  readonly allowed: readonly number[] | undefined
  /** Tokens whose log-probabilities are reported at every place. */
  readonly named: readonly number[] | undefined
  readonly endIds: ReadonlySet<number>
  readonly contextLength: number
  readonly codec: TextCodec
  readonly onEvent?: ((event: GenerationEvent) => void) | undefined
}

export class Answer {
  readonly prompt: readonly number[]
  readonly #options: AnswerOptions
  readonly #ids: number[] = []
  readonly #seen: Set<number>
  readonly #chosen: ChosenToken[] = []
  readonly #detokenizer: Detokenizer
  readonly #stops: StopMatcher
  #text = ""
  #finish: FinishReason | undefined
  #stopText: string | undefined
  #error: RankineError | undefined
  /** Of the model's time, what went into it. */
  seconds = 0

  constructor(options: AnswerOptions) {
    this.#options = options
    this.prompt = options.prompt
    this.#seen = new Set(options.settings.repetitionPenalty === 1 ? [] : options.prompt)
    this.#detokenizer = new Detokenizer((ids) => options.codec.decode(ids), options.prompt)
    this.#stops = new StopMatcher(options.settings.stop)
  }

  /** Most tokens it may still need room for. */
  get room(): number {
    const { settings, contextLength } = this.#options
    return Math.min(settings.maxTokens, contextLength - this.prompt.length)
  }

  /** Chooses a token after these logits; undefined where the answer is over and the model need not read it. */
  accept(logits: Float32Array): number | undefined {
    const { settings, allowed, named, endIds } = this.#options
    const id = chooseToken(logits, settings, this.#seen, allowed, () => drawOf(settings.seed, this.#ids.length))
    this.#ids.push(id)
    if (settings.repetitionPenalty !== 1) this.#seen.add(id)
    const chosen = settings.logprobs === undefined && !named ? undefined : this.#report(logits, id)
    if (endIds.has(id)) {
      this.#end("stop", id, chosen)
      return undefined
    }
    const { text, stop } = this.#stops.push(this.#detokenizer.push(id))
    this.#text += text
    if (stop !== undefined) {
      this.#stopText = stop
      this.#finish = "stop"
      this.#emit(text, id, chosen)
      return undefined
    }
    if (this.#ids.length >= this.room) {
      this.#end(this.#ids.length >= settings.maxTokens ? "length" : "context", id, chosen, text)
      return undefined
    }
    this.#emit(text, id, chosen)
    return this.#error ? undefined : id
  }

  /** Throws what a listener threw. `cachedTokens` of the prompt were computed for others already. */
  generation(cachedTokens = 0): Generation {
    if (this.#error) throw this.#error
    const { settings, named, cutTokens } = this.#options
    return {
      text: this.#text,
      tokenIds: this.#ids,
      finishReason: this.#finish ?? "length",
      ...(this.#stopText === undefined ? {} : { stopText: this.#stopText }),
      ...(settings.logprobs === undefined && !named ? {} : { logprobs: this.#chosen }),
      cutTokens,
      usage: {
        ...noUsage,
        calls: 1,
        promptTokens: this.prompt.length,
        cachedTokens,
        completionTokens: this.#ids.length,
        truncated: cutTokens > 0 ? 1 : 0,
        seconds: this.seconds,
      },
    }
  }

  #end(finish: FinishReason, id: number, chosen: ChosenToken | undefined, before = ""): void {
    // What waited for the rest of a character, or for the rest of a stop text, is text now; a stop text may be complete only here.
    const { text, stop } = this.#stops.push(this.#detokenizer.flush())
    const rest = stop === undefined ? text + this.#stops.flush() : text
    this.#text += rest
    this.#finish = stop === undefined ? finish : "stop"
    if (stop !== undefined) this.#stopText = stop
    this.#emit(before + rest, id, chosen)
  }

  /** What a listener throws is its own call's error, not that of the answers beside it. */
  #emit(text: string, tokenId: number, chosen: ChosenToken | undefined): void {
    const { onEvent } = this.#options
    if (!onEvent) return
    try {
      onEvent({ text, tokenId, ...(chosen ? { logprob: chosen.logprob } : {}) })
    } catch (thrown) {
      this.#error = toRankineError(thrown)
    }
  }

  #report(logits: Float32Array, id: number): ChosenToken {
    const { codec, settings, named } = this.#options
    const likeliest = settings.logprobs ? largest(logits, settings.logprobs) : []
    const all = logProbabilities(logits, [id, ...likeliest, ...(named ?? [])])
    const token = (at: number, logprob: number): TokenLogprob => ({ id: at, text: codec.textOf(at), logprob })
    const chosen = {
      ...token(id, all[0]!),
      top: likeliest.map((at, rank) => token(at, all[rank + 1]!)),
      ...(named ? { named: [...all.subarray(1 + likeliest.length)] } : {}),
    }
    this.#chosen.push(chosen)
    return chosen
  }
}
