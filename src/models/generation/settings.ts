/** The settings of a request with their defaults, checked. @module */
import { RankineError } from "../../core/errors.js"
import type { GenerationSettings } from "./language-model.js"

export const DEFAULT_MAX_TOKENS = 256

export interface CheckedSettings {
  readonly temperature: number
  readonly topK: number
  readonly topP: number
  readonly minP: number
  readonly repetitionPenalty: number
  readonly maxTokens: number
  readonly stop: readonly string[]
  readonly seed: number
  /** Of the likeliest tokens at each place; undefined where no log-probabilities are asked for. */
  readonly logprobs: number | undefined
  readonly tooLong: "throw" | "cut-start" | "cut-end"
}

/** Throws `argument` for settings out of range, naming the setting. */
export function checkSettings(request: GenerationSettings): CheckedSettings {
  const {
    temperature = 0,
    topK = 0,
    topP = 1,
    minP = 0,
    repetitionPenalty = 1,
    maxTokens = DEFAULT_MAX_TOKENS,
    stop = [],
    seed = 0,
    logprobs = false,
    tooLong = "throw",
  } = request
  require(temperature >= 0 && temperature < Number.POSITIVE_INFINITY, "temperature", temperature, "at least 0")
  require(Number.isInteger(topK) && topK >= 0, "topK", topK, "a whole number of at least 0")
  require(topP > 0 && topP <= 1, "topP", topP, "above 0 and at most 1")
  require(minP >= 0 && minP <= 1, "minP", minP, "from 0 to 1")
  require(repetitionPenalty > 0 &&
    repetitionPenalty < Number.POSITIVE_INFINITY, "repetitionPenalty", repetitionPenalty, "above 0")
  require(Number.isInteger(maxTokens) && maxTokens >= 1, "maxTokens", maxTokens, "a whole number of at least 1")
  require(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32, "seed", seed, "a whole number from 0 to 2^32 - 1")
  const top = logprobs === false ? undefined : logprobs === true ? 0 : logprobs
  require(top === undefined || (Number.isInteger(top) && top >= 0), "logprobs", top, "a whole number of at least 0")
  if (stop.some((text) => typeof text !== "string" || text === ""))
    throw new RankineError("argument", "a stop text is empty: every answer would end before it begins")
  return { temperature, topK, topP, minP, repetitionPenalty, maxTokens, stop, seed, logprobs: top, tooLong }
}

function require(holds: boolean, name: string, value: unknown, wanted: string): void {
  if (!holds) throw new RankineError("argument", `${name} must be ${wanted}, got ${String(value)}`)
}
