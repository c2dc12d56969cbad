/** Loads decoders from their checkpoints and runs them. @module */
import { basename } from "node:path"
import { RankineError } from "../../core/errors.js"
import { sharedPool } from "../../onnx/pool.js"
import { createSession, type SessionOptions } from "../../onnx/session.js"
import type { DeviceChoice } from "../../onnx/settings.js"
import { isBlockType } from "../checkpoint/block-type.js"
import { checksumOf } from "../checkpoint/checksum.js"
import type { Checkpoint } from "../checkpoint/safetensors.js"
import { type DeviceCheckOptions, openChecked, probeIds } from "../device-check.js"
import { type AdapterSlot, loraSlot } from "../encoder/adapter-slot.js"
import { choosePrecision } from "../encoder/choose-precision.js"
import type { FilePrecision, Precision } from "../encoder/precision.js"
import { type BuiltDecoder, buildDecoder } from "./build.js"
import { type DecoderConfig, parseDecoderConfig } from "./config.js"
import { exportedSession } from "./exported-session.js"
import { localSession } from "./local-session.js"
import { type DecoderSource, openDecoder } from "./open.js"
import type { DecoderSession } from "./session.js"
import { weightsFolder } from "./weights-folder.js"

export interface DecoderOptions extends Omit<SessionOptions, "externalData" | "workers">, DeviceCheckOptions {
  /**
   * Threads that wait between two operators burn their processor, and sleep when the run is over. On by default: a token takes hundreds of
   * operators of a few microseconds each, and with two threads waking sleepers cost a third of the speed.
   */
  readonly spinning?: boolean
  /** Bits of weights and arithmetic. Default: `fp32`; `int8` or `blocks` for a checkpoint whose weights are quantised. */
  readonly precision?: FilePrecision
  /**
   * With `blocks`: multiply blocks of 4 bits by activations that are not rounded to 8 bits. Scores then do not depend on whether a beginning was
   * shared (but for 1e-4), as those of `fp32`; generation is about a quarter slower. Default false.
   */
  readonly exactActivations?: boolean
  /**
   * Most tokens of a row. Default: what the model was made for, from 512 to 8192. More than it was made for is possible, since positions are
   * angles and no table; what the model makes of them is another matter.
   */
  readonly contextLength?: number
  /** Slots for adapters: `true` for LoRA in every linear layer. Default: none. */
  readonly adapters?: boolean | AdapterSlot
}

const LONGEST_DEFAULT = 8192
/** Files of small models name less than the models can do. */
const SHORTEST_DEFAULT = 512

/**
 * Loads a folder, a GGUF file, an exported graph (`.onnx`, with config.json beside it or above), or an open checkpoint as a decoder: Llama
 * (SmolLM2, Llama 3), Mistral, Qwen2, Qwen2.5, Qwen3, Gemma 2 and 3.
 *
 * Float weights are mapped by the session from their own files; they never pass through JavaScript. Quantised ones are part of the graph; where
 * they are more than 1 GiB, they are written to a file in the system's temporary folder, which the session maps.
 * @throws RankineError `not-found` for missing files, `data` for malformed ones, naming file and tensor, `model` for what is not supported,
 *   `dependency` where onnxruntime-node or the device asked for is missing; `model` where that device gives other numbers than the CPU
 */
export async function loadDecoder(
  source: string | DecoderSource,
  options: DecoderOptions = {},
): Promise<DecoderSession> {
  const { precision: asked, contextLength: wanted, adapters, exactActivations = false, ...others } = options
  const { checkDevice = true, ...given } = others
  const rest = { spinning: true, ...given, config: { "session.force_spinning_stop": "1", ...given.config } }
  const opened = typeof source === "string" ? await openDecoder(source) : source
  const config = parseDecoderConfig(opened.config, opened.place)
  const contextLength = contextOf(config, wanted)
  if ("graph" in opened) {
    if (adapters || asked !== undefined)
      throw new RankineError(
        "argument",
        `${opened.graph} is an exported graph, which takes no adapters and no other precision: load the model's safetensors or GGUF file`,
      )
    const checksum = await checksumOf([opened.graph], [])
    return openChecked({
      ...probeOf(config, opened.graph),
      key: `${checksum} ${JSON.stringify(config)}`,
      choice: rest.device,
      checkDevice,
      rounds: false,
      open: async (device) => {
        const session = await createSession(opened.graph, { ...rest, ...(device === undefined ? {} : { device }) })
        return exportedSession(session, { config, contextLength, checksum })
      },
    })
  }
  const { checkpoint } = opened
  const chosen = await choose(asked, checkpoint, rest)
  const slot = adapters === true ? loraSlot() : adapters || undefined
  const { device } = await (rest.pool ?? sharedPool()).device(rest.device ?? "auto")
  const weights = await weightsFolder(checkpoint, chosen.precision)
  const form = {
    ...chosen,
    adapters: slot,
    sideBySide: device === "cpu",
    exactActivations,
    weightsFolder: weights?.path,
  }
  const build = () => buildDecoder(config, checkpoint, contextLength, form)
  // Built now, so that what is wrong with the checkpoint is said as it is; later only if the worker is lost.
  let first: Promise<BuiltDecoder> | undefined = build()
  const { folder } = await first.catch(async (thrown: unknown) => {
    await weights?.remove()
    throw thrown
  })
  const model = async () => {
    const built = await (first ?? build())
    first = undefined
    return built.model
  }
  const exact = exactActivations && chosen.precision === "blocks" ? "-exact" : ""
  const checksum = `${await checkpoint.checksum()}${chosen.precision === "fp32" ? "" : `-${chosen.precision}`}${exact}`
  const { precision } = chosen
  const open = async (device: DeviceChoice | undefined) => {
    const where = device === undefined ? {} : { device }
    const session = await createSession(model, { ...rest, ...where, externalData: folder })
    const dispose = async () => {
      await session[Symbol.asyncDispose]()
      await weights?.remove()
    }
    try {
      await weights?.empty()
      const ready = await localSession({ session, config, contextLength }, { checksum, precision })
      return { ...ready, [Symbol.asyncDispose]: dispose }
    } catch (thrown) {
      await dispose()
      throw thrown
    }
  }
  return openChecked({
    ...probeOf(config, folder),
    key: `${checksum} ${JSON.stringify(config)} ${contextLength} ${slot !== undefined}`,
    choice: rest.device,
    checkDevice,
    rounds: precision !== "fp32",
    open,
  })
}

/** How a decoder's device is checked: some rows, and a token more of each out of the cache. */
function probeOf({ vocabulary }: DecoderConfig, place: string) {
  return {
    name: basename(place),
    run: async (model: DecoderSession) => {
      const rows = probeIds(vocabulary, Math.max(1, Math.min(9, model.contextLength - 1)))
      await using cache = await model.createCache(rows.length)
      const first = await model.read(rows, { cache })
      const next = await model.read(
        rows.map(() => [5 % vocabulary]),
        { cache },
      )
      return [...first.logits, ...next.logits]
    },
  }
}

/** As asked, or as long as the model goes. Throws `argument` for what is no length. */
function contextOf({ maxLength }: DecoderConfig, wanted: number | undefined): number {
  if (wanted === undefined) return Math.min(Math.max(maxLength, SHORTEST_DEFAULT), LONGEST_DEFAULT)
  if (!Number.isInteger(wanted) || wanted < 1)
    throw new RankineError("argument", `contextLength must be a whole number of at least 1, got ${wanted}`)
  return wanted
}

/** What was asked for; without it the file's own blocks where it has some. */
async function choose(asked: FilePrecision | undefined, checkpoint: Checkpoint, options: DecoderOptions) {
  const inBlocks = [...checkpoint.tensors.values()].some(({ dtype }) => isBlockType(dtype))
  if ((asked ?? "blocks") !== "blocks" || (asked === undefined && !inBlocks))
    return choosePrecision(asked as Precision | undefined, checkpoint, options)
  if (inBlocks) return { precision: "blocks" as const }
  throw new RankineError(
    "argument",
    'precision "blocks" is for GGUF files with quantised weights, and this model has none: take another',
  )
}
