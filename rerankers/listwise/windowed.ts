/** What all methods that slide windows over the list have in common. @module */
import type { LanguageModel } from "../../src/models/index.js"
import type { Oracle } from "../program/oracle.js"
import { ProgramReranker } from "../program/program-reranker.js"
import type { ListwiseAnswer, ListwiseQuestion } from "../program/questions.js"
import { loadPrompt } from "../prompts/load-prompt.js"
import type { Prompt } from "../prompts/prompt.js"
import { GenerationOracle, type PromptSettings } from "../prompts/prompt-oracle.js"
import { checkedWindows, type SlidingWindowSettings, slidingWindows } from "./sliding-windows.js"

export interface MethodOptions {
  /** Default: the method's name. */
  readonly name?: string
  /** A prompt's name, or the path of a YAML file of one's own. Default: the method's. */
  readonly prompt?: string
  /** Queries that are worked on side by side. */
  readonly concurrency?: number
}

export interface WindowedOptions extends MethodOptions, SlidingWindowSettings, PromptSettings {}

export type ListwiseReranker = ProgramReranker<ListwiseQuestion, ListwiseAnswer>

/** Documents of the window that a prompt file's `maxTokens` is meant for. */
const USUAL_WINDOW = 20

/** Options apart: what the windows, what the prompt, and what the reranker is told. */
export function splitWindowed(options: WindowedOptions) {
  const { window, step, passes, name, prompt, concurrency, ...settings } = options
  const asked = {
    ...(window === undefined ? {} : { window }),
    ...(step === undefined ? {} : { step }),
    ...(passes === undefined ? {} : { passes }),
  }
  return { windows: checkedWindows(asked), name, prompt, concurrency, settings }
}

/** A reranker of sliding windows whose questions this oracle answers. */
export function windowed(
  method: string,
  oracle: Oracle<ListwiseQuestion, ListwiseAnswer>,
  windows: Required<SlidingWindowSettings>,
  { name = method, concurrency }: MethodOptions,
): ListwiseReranker {
  return new ProgramReranker(slidingWindows(windows), oracle, {
    name,
    scoreKind: "ordinal",
    describe: { method, ...windows },
    ...(concurrency === undefined ? {} : { concurrency }),
  })
}

/** An oracle that reads an order out of what a model writes. */
export function orderOracle(
  model: LanguageModel,
  prompt: Prompt,
  settings: PromptSettings,
): GenerationOracle<ListwiseQuestion, ListwiseAnswer> {
  return new GenerationOracle(
    model,
    prompt,
    ({ documents }) => ({ documents }),
    (completion, { documents }) => {
      const { order, repaired } = prompt.permutation(completion, documents.length)
      return { answer: { order }, ...(repaired ? { malformed: true } : {}) }
    },
    settings,
  )
}

/** A method whose answer is nothing but an order, as long as the window has documents. */
export async function writtenOrder(
  method: string,
  file: string,
  model: LanguageModel,
  options: WindowedOptions,
): Promise<ListwiseReranker> {
  const { windows, name, prompt: own = file, concurrency, settings } = splitWindowed(options)
  const prompt = await loadPrompt(own)
  const maxTokens = settings.maxTokens ?? Math.ceil((prompt.file.maxTokens * windows.window) / USUAL_WINDOW)
  return windowed(method, orderOracle(model, prompt, { ...settings, maxTokens }), windows, {
    ...(name === undefined ? {} : { name }),
    ...(concurrency === undefined ? {} : { concurrency }),
  })
}
