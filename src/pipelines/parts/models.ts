/** Options of parts that run a model. @module */
import * as z from "zod"
import type { EncoderSettings } from "../../models/index.js"

export const modelSettings = {
  device: z
    .enum(["auto", "cpu", "cuda", "webgpu"])
    .optional()
    .describe("Default auto: CUDA where it works, else the CPU."),
  precision: z.enum(["fp32", "fp16", "int8", "int8-weights", "int4-weights"]).optional().describe("Default fp32."),
  threads: z.int().min(1).optional(),
  workers: z.int().min(1).optional().describe("Copies of the model in threads of their own."),
  maxLength: z.int().min(1).optional().describe("Most tokens of a text; default: the model's own limit."),
}

export type ModelSettings = EncoderSettings & { readonly maxLength?: number }

/** The settings of the model that were given, from all options of a part. */
export function settingsOf(options: Readonly<Record<string, unknown>>): ModelSettings {
  return defined(Object.fromEntries(Object.keys(modelSettings).map((name) => [name, options[name]]))) as ModelSettings
}

/** The values that are there. */
export function defined<Values extends object>(
  values: Values,
): { [Name in keyof Values]?: Exclude<Values[Name], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [Name in keyof Values]?: Exclude<Values[Name], undefined> }
}
