/** Options of parts that run a model. @module */
import * as z from "zod"
import type { EncoderSettings } from "../../models/index.js"

export const modelSettings = {
  device: z
    .enum(["auto", "cpu", "cuda", "webgpu"])
    .optional()
    .describe("Default auto: CUDA where it works, else the CPU."),
  threads: z.int().min(1).optional(),
  workers: z.int().min(1).optional().describe("Copies of the model in threads of their own."),
  maxLength: z.int().min(1).optional().describe("Most tokens of a text; default: the model's own limit."),
}

export interface ModelOptions {
  readonly model: string
  readonly device?: EncoderSettings["device"] | undefined
  readonly threads?: number | undefined
  readonly workers?: number | undefined
  readonly maxLength?: number | undefined
}

/** The settings that were given, without the model's name and what else a part has. */
export function settingsOf(options: ModelOptions): EncoderSettings & { readonly maxLength?: number } {
  return defined({
    device: options.device,
    threads: options.threads,
    workers: options.workers,
    maxLength: options.maxLength,
  }) as EncoderSettings & { maxLength?: number }
}

export function defined<Values extends object>(values: Values): Partial<Values> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<Values>
}
