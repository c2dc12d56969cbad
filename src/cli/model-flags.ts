/** Options of commands that run a model. @module */
import type { Command } from "commander"
import type { EmbedderOptions } from "../models/embedder.js"
import { oneOf, wholeNumber } from "./parse.js"

export interface ModelFlags {
  readonly device?: "auto" | "cpu" | "cuda" | "webgpu"
  readonly maxLength?: number
  readonly threads?: number
  readonly workers?: number
}

export function addModelOptions(command: Command): Command {
  return command
    .option("--device <name>", "auto, cpu, cuda or webgpu (auto)", oneOf(["auto", "cpu", "cuda", "webgpu"]))
    .option("--max-length <tokens>", "most tokens of a text (the model's own limit)", wholeNumber(1))
    .option("--threads <n>", "threads that one batch is computed with (the physical cores)", wholeNumber(1))
    .option("--workers <n>", "batches computed side by side (1)", wholeNumber(1))
}

/** Only what was given. */
export function modelSettings({ device, maxLength, threads, workers }: ModelFlags): EmbedderOptions {
  return {
    ...(device === undefined ? {} : { device }),
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(threads === undefined ? {} : { threads }),
    ...(workers === undefined ? {} : { workers }),
  }
}
