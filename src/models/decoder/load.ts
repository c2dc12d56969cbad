/** Loads decoders from their checkpoints and runs them. @module */
import { join } from "node:path"
import { RankineError } from "../../core/errors.js"
import { createSession, type SessionOptions } from "../../onnx/session.js"
import { type Checkpoint, openSafetensors } from "../checkpoint/safetensors.js"
import { type AdapterSlot, loraSlot } from "../encoder/adapter-slot.js"
import { checksumIn, choosePrecision } from "../encoder/choose-precision.js"
import type { Precision } from "../encoder/precision.js"
import { readModelJson } from "../model-files.js"
import { buildDecoder } from "./build.js"
import { type DecoderConfig, parseDecoderConfig } from "./config.js"
import { localSession } from "./local-session.js"
import type { DecoderSession } from "./session.js"

export interface DecoderOptions extends Omit<SessionOptions, "externalData" | "workers"> {
  /** Bits of weights and arithmetic. Default `fp32`. */
  readonly precision?: Precision
  /** Most tokens of a row. Default: what the model was made for, at most 8192. */
  readonly contextLength?: number
  /** Slots for adapters: `true` for LoRA in every linear layer. Default: none. */
  readonly adapters?: boolean | AdapterSlot
}

/** A checkpoint that is open already, with what config.json holds. */
export interface DecoderSource {
  readonly checkpoint: Checkpoint
  readonly config: Readonly<Record<string, unknown>>
}

const LONGEST_DEFAULT = 8192

/** Opens a folder with config.json and safetensors. Throws `not-found` for missing files, `data` for malformed ones. */
export async function openDecoderFolder(folder: string): Promise<DecoderSource> {
  const config = await readModelJson(folder, "config.json")
  if (!config)
    throw new RankineError(
      "not-found",
      `${join(folder, "config.json")} is missing: copy it from the model's repository`,
      { details: { folder, lookedFor: ["config.json"] } },
    )
  return { config, checkpoint: await openSafetensors(folder) }
}

/**
 * Loads a folder, or an open checkpoint, as a decoder: Llama (SmolLM2, Llama 3), Mistral, Qwen2, Qwen2.5, Qwen3, Gemma 3.
 *
 * Float weights are mapped by the session from their own files; they never pass through JavaScript. Quantised ones are part of the graph.
 * @throws RankineError `not-found` for missing files, `data` for malformed ones, naming file and tensor, `model` for what is not supported,
 *   `dependency` where onnxruntime-node or the device asked for is missing
 */
export async function loadDecoder(
  source: string | DecoderSource,
  options: DecoderOptions = {},
): Promise<DecoderSession> {
  const { precision: asked, contextLength: wanted, adapters, ...rest } = options
  const { checkpoint, config: raw } = typeof source === "string" ? await openDecoderFolder(source) : source
  const config = parseDecoderConfig(raw)
  const contextLength = contextOf(config, wanted)
  const chosen = await choosePrecision(asked, checkpoint, rest)
  const slot = adapters === true ? loraSlot() : adapters || undefined
  const built = await buildDecoder(config, checkpoint, contextLength, { ...chosen, adapters: slot })
  const checksum = await checksumIn(chosen.precision, checkpoint)
  const session = await createSession(built.model, { ...rest, externalData: built.folder })
  try {
    return await localSession({ session, config, contextLength }, { checksum, precision: chosen.precision })
  } catch (thrown) {
    await session[Symbol.asyncDispose]()
    throw thrown
  }
}

/** As long as the model can go, or as asked. Throws `argument` for more. */
function contextOf({ maxLength }: DecoderConfig, wanted: number | undefined): number {
  if (wanted === undefined) return Math.min(maxLength, LONGEST_DEFAULT)
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > maxLength)
    throw new RankineError(
      "argument",
      `contextLength must be a whole number from 1 to ${maxLength}, which the model was made for; got ${wanted}`,
    )
  return wanted
}
