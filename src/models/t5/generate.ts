/** Greedy generation with a T5, each answer out of one text or of several that are read together. @module */
import { RankineError } from "../../core/errors.js"
import { createSession, type OnnxSession } from "../../onnx/session.js"
import { outputOf, tensor } from "../../onnx/tensor.js"
import { openSafetensors } from "../checkpoint/safetensors.js"
import { checksumIn, choosePrecision } from "../encoder/choose-precision.js"
import type { Precision } from "../encoder/precision.js"
import { type QueueStats, Scheduler } from "../scheduler.js"
import { readT5Config, type T5Config } from "./config.js"
import { buildGreedyT5, TOKENS } from "./greedy.js"
import { checkIds, padded, type T5Settings } from "./load.js"

export interface T5GeneratorOptions extends T5Settings {
  /** The only tokens that may be written, the end token among them where answers may end by themselves. Default: all. */
  readonly allowed?: readonly number[]
}

export interface T5GenerateOptions {
  /** Most tokens of an answer. */
  readonly maxTokens: number
  readonly signal?: AbortSignal | undefined
}

export interface T5Answer {
  /** Without start and end token. */
  readonly ids: readonly number[]
  /** The model ended it; otherwise it was cut at `maxTokens`. */
  readonly ended: boolean
}

/** Passages in tokens, and the most tokens of the answer. */
interface Question {
  readonly passages: readonly (readonly number[])[]
  readonly maxTokens: number
}

/** A T5 that writes; it holds native memory until it is disposed of. */
export interface T5Generator extends AsyncDisposable {
  readonly config: T5Config
  /** Of the weights; with the precision after it where that is not `fp32`. */
  readonly checksum: string
  readonly precision: Precision
  readonly device: OnnxSession["device"]
  readonly deviceReason: string
  /** Where the model's queue stands, and what it has done so far. */
  readonly stats: QueueStats
  /**
   * Writes an answer to each question. A question is a list of passages in tokens, end tokens included; each is encoded by itself and all are
   * read together (fusion in decoder); a plain prompt is a list of one. Throws `argument` for what is empty or outside the vocabulary.
   */
  generate(questions: readonly (readonly (readonly number[])[])[], options: T5GenerateOptions): Promise<T5Answer[]>
}

/**
 * Loads config.json and the safetensors of a folder as a T5 that writes the likeliest token after the likeliest token.
 * @throws RankineError as `loadT5`; `argument` for allowed tokens outside the vocabulary
 */
export async function loadT5Generator(folder: string, options: T5GeneratorOptions = {}): Promise<T5Generator> {
  const { batch = {}, queue = {}, attention = "fused", precision: asked, allowed, ...rest } = options
  const config = await readT5Config(folder)
  if (allowed) checkIds(allowed, "the list of allowed tokens", config)
  const checkpoint = await openSafetensors(folder)
  const { half: _, ...chosen } = await choosePrecision(asked, checkpoint, rest)
  const { precision } = chosen
  const form = { form: attention, ...chosen, ...(allowed ? { allowed } : {}) }
  const { model, folder: externalData } = await buildGreedyT5(config, checkpoint, form)
  const checksum = await checksumIn(precision, checkpoint)
  const onnx = await createSession(model, { ...rest, externalData })

  const answer = async (questions: readonly Question[], signal: AbortSignal): Promise<T5Answer[]> => {
    const most = (count: (question: Question) => number) => Math.max(...questions.map(count))
    const passages = most((question) => question.passages.length)
    // Where a question has fewer passages than others, empty ones that the mask hides stand in for them.
    const rows = questions.flatMap((question) =>
      Array.from({ length: passages }, (_, at) => question.passages[at] ?? []),
    )
    const [input_ids, attention_mask] = padded(rows, config.padId)
    const feeds = {
      input_ids,
      attention_mask,
      passages: tensor("int64", BigInt64Array.of(BigInt(passages))),
      steps: tensor("int64", BigInt64Array.of(BigInt(most(({ maxTokens }) => maxTokens))), []),
    }
    const { data, dims } = outputOf(await onnx.run(feeds, { transfer: true, signal }), TOKENS, "int32")
    return questions.map(({ maxTokens }, row) => {
      const steps = Math.min(dims[0], maxTokens)
      const written = Array.from({ length: steps }, (_, step) => data[step * questions.length + row])
      const end = written.indexOf(config.endId)
      return end === -1 ? { ids: written, ended: false } : { ids: written.slice(0, end), ended: true }
    })
  }
  const scheduler = new Scheduler(answer, { ...queue, limits: batch, workers: rest.workers ?? 1 })

  return {
    config,
    checksum,
    precision,
    device: onnx.device,
    deviceReason: onnx.deviceReason,
    get stats() {
      return scheduler.stats
    },
    async generate(questions, { maxTokens, signal }) {
      if (!Number.isInteger(maxTokens) || maxTokens < 1)
        throw new RankineError("argument", `maxTokens must be a whole number of at least 1, got ${maxTokens}`)
      const rows = questions.map((passages, index): Question => {
        if (passages.length === 0) throw new RankineError("argument", `question ${index} has no passages`)
        for (const ids of passages) checkIds(ids, `question ${index}`, config)
        return { passages, maxTokens }
      })
      // Every passage takes the room of the longest.
      const lengths = rows.map(({ passages }) => Math.max(...passages.map(({ length }) => length)) * passages.length)
      return scheduler.run(rows, lengths, (each) => each, { signal })
    },
    async [Symbol.asyncDispose]() {
      scheduler.close()
      await onnx[Symbol.asyncDispose]()
    },
  }
}
