/** adapter_config.json of PEFT's LoRA adapters. @module */
import { RankineError } from "../../core/errors.js"

/** What a LoRA adapter is, in PEFT's terms. Ranks and scales of single modules may differ. */
export interface PeftConfig {
  /** `r` */
  readonly rank: number
  /** `lora_alpha` */
  readonly alpha: number
  /** Divide alpha by the rank's square root (rank-stabilised LoRA), not by the rank. */
  readonly rslora: boolean
  /** Names or endings of names of modules, or one regular expression. */
  readonly targetModules: readonly string[] | string
  /** Ranks of modules whose names end in a match of a regular expression. */
  readonly rankPattern: Readonly<Record<string, number>>
  readonly alphaPattern: Readonly<Record<string, number>>
  /** Whose biases were trained too and lie among the saved tensors. */
  readonly bias: "none" | "all" | "lora_only"
  /** The base keeps these weights as [inputs, outputs]. A and B are as always. */
  readonly fanInFanOut: boolean
  /** Modules that were trained whole and lie among the saved tensors. */
  readonly modulesToSave: readonly string[]
  /** All fields as in the file, those that are not known included; they are kept on writing. */
  readonly raw: Readonly<Record<string, unknown>>
}

/** Fields of variants whose arithmetic differs: off by default, and refused where they are not. */
const variants: Readonly<Record<string, string>> = {
  use_dora: "DoRA",
  use_qalora: "QALoRA",
  use_bdlora: "BD-LoRA",
  lora_bias: "biases of LoRA's own matrices",
  layer_replication: "replicated layers",
  target_parameters: "adapters of parameters that are no modules",
  trainable_token_indices: "single trained token vectors",
  alora_invocation_tokens: "activated LoRA",
  arrow_config: "Arrow routing",
  kasa_config: "KaSA",
}

/** Ways to begin that change the base's weights: the adapter alone is not the model. */
const REBASING = /^(pissa|olora|corda|loftq|lora_ga)/

/**
 * Reads the fields of adapter_config.json.
 * @param place the file, for messages
 * @throws RankineError `model` for other kinds of adapters and variants that are not supported, naming them; `data` for malformed fields
 */
export function parsePeftConfig(raw: Readonly<Record<string, unknown>>, place: string): PeftConfig {
  if (raw.peft_type !== "LORA") throw unsupported(place, `an adapter of type ${JSON.stringify(raw.peft_type)}`)
  for (const [field, name] of Object.entries(variants))
    if (isSet(raw[field])) throw unsupported(place, `${name} (${field})`)
  const start = raw.init_lora_weights
  if (typeof start === "string" && REBASING.test(start))
    throw unsupported(
      place,
      `an adapter that began as ${start} and was not converted (PEFT: path_initial_model_for_weight_conversion)`,
    )
  const field = <Value>(name: string, what: string, fallback: Value, sound: (value: unknown) => boolean): Value => {
    const value = raw[name] ?? fallback
    if (!sound(value)) throw new RankineError("data", `${place}: ${name} must be ${what}, got ${JSON.stringify(value)}`)
    return value as Value
  }
  const isPattern = (each: (value: unknown) => boolean) => (value: unknown) =>
    isRecord(value) && Object.entries(value).every(([key, number]) => regularExpression(key) && each(number))
  const isFlag = (value: unknown) => typeof value === "boolean"
  return {
    rank: field("r", "a whole number above 0", 8, isRank),
    alpha: field("lora_alpha", "a number", 8, isNumber),
    rslora: field("use_rslora", "true or false", false, isFlag),
    targetModules: field<readonly string[] | string>(
      "target_modules",
      "names of modules",
      [],
      (value) => typeof value === "string" || isNames(value),
    ),
    rankPattern: field("rank_pattern", "ranks by regular expressions", {}, isPattern(isRank)),
    alphaPattern: field("alpha_pattern", "numbers by regular expressions", {}, isPattern(isNumber)),
    bias: field<PeftConfig["bias"]>("bias", "none, all or lora_only", "none", (value) =>
      ["none", "all", "lora_only"].includes(value as string),
    ),
    fanInFanOut: field("fan_in_fan_out", "true or false", false, isFlag),
    modulesToSave: field<readonly string[]>("modules_to_save", "names of modules", [], isNames),
    raw,
  }
}

/** The rank that the configuration gives a module. */
export function peftRank(config: PeftConfig, module: string): number {
  return matchOf(config.rankPattern, module) ?? config.rank
}

/** The factor of `B · A` that the configuration gives a module of some rank. */
export function peftScale(config: PeftConfig, module: string, rank: number): number {
  const alpha = matchOf(config.alphaPattern, module) ?? config.alpha
  return alpha / (config.rslora ? Math.sqrt(rank) : rank)
}

/** The configuration would put an adapter on the module. */
export function isPeftTarget({ targetModules }: PeftConfig, module: string): boolean {
  if (typeof targetModules !== "string")
    return targetModules.some((name) => module === name || module.endsWith(`.${name}`))
  return targetModules === "all-linear" || (regularExpression(targetModules, "")?.test(module) ?? false)
}

/** The fields of adapter_config.json, those that are not known as they were. */
export function peftFields(config: PeftConfig): Record<string, unknown> {
  const fields: Record<string, unknown> = {
    ...config.raw,
    peft_type: "LORA",
    r: config.rank,
    lora_alpha: config.alpha,
    use_rslora: config.rslora,
    target_modules: config.targetModules,
    rank_pattern: config.rankPattern,
    alpha_pattern: config.alphaPattern,
    bias: config.bias,
    fan_in_fan_out: config.fanInFanOut,
    modules_to_save: config.modulesToSave.length > 0 ? config.modulesToSave : null,
  }
  return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function matchOf(pattern: Readonly<Record<string, number>>, module: string): number | undefined {
  const key = Object.keys(pattern).find((each) => regularExpression(each)?.test(module))
  return key === undefined ? undefined : pattern[key]
}

/** The whole name, or its end after a dot, as PEFT compares. */
function regularExpression(source: string, before = "(.*\\.)?"): RegExp | undefined {
  try {
    return new RegExp(`^${before}(${source})$`)
  } catch {
    return undefined
  }
}

function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return false
  return Array.isArray(value) ? value.length > 0 : !isRecord(value) || Object.keys(value).length > 0
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function isRank(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) > 0
}

function isNumber(value: unknown): boolean {
  return Number.isFinite(value)
}

function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((name) => typeof name === "string")
}

function unsupported(place: string, what: string): RankineError {
  return new RankineError("model", `${place}: ${what} is not supported: merge it into its base, or train plain LoRA`)
}
