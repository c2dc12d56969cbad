import type { RerankProgram } from "../../src/core/index.js"
import { RankineError } from "../../src/core/index.js"
import type { ListwiseAnswer, ListwiseQuestion } from "../program/questions.js"

export interface SlidingWindowSettings {
  /** Documents that are shown at once. Default 20. */
  readonly window?: number
  /** Places by which the window moves towards the head; what a window puts first meets the next `window - step` documents. Default 10. */
  readonly step?: number
  /** How often the list is gone through. Default 1. */
  readonly passes?: number
}

/**
 * The windows of one pass over `count` documents, from the tail to the head, as [start, end). Where the steps do not end at the head
 * exactly, the last window is the short rest: it is not skipped.
 */
export function windowBounds(count: number, window: number, step: number): [number, number][] {
  const bounds: [number, number][] = []
  for (let end = count; end > 0; end -= step) {
    const start = Math.max(end - window, 0)
    bounds.push([start, end])
    if (start === 0) break
  }
  return bounds
}

/** Settings with their defaults. Throws `argument` where windows would not overlap the list or would never end. */
export function checkedWindows(settings: SlidingWindowSettings, defaults = { window: 20, step: 10, passes: 1 }) {
  const window = settings.window ?? defaults.window
  const step = settings.step ?? Math.min(defaults.step, Math.max(1, Math.floor(window / 2)))
  const passes = settings.passes ?? defaults.passes
  if (!Number.isInteger(window) || window < 2)
    throw new RankineError("argument", `window must be a whole number of at least 2, got ${window}`)
  if (!Number.isInteger(step) || step < 1 || step > window)
    throw new RankineError("argument", `step must be a whole number from 1 to the window (${window}), got ${step}`)
  if (!Number.isInteger(passes) || passes < 1)
    throw new RankineError("argument", `passes must be a whole number of at least 1, got ${passes}`)
  return { window, step, passes }
}

/**
 * Sliding windows: from the tail to the head of the list, `window` documents at a time are put in order, so that the best `window - step`
 * of them travel on. With answers that do not contradict each other one pass finds the best `window - step`. A pass that changes
 * nothing is the last one. One question per round; each depends on the one before.
 *
 * Source: Sun et al., "Is ChatGPT good at search?", EMNLP 2023.
 * @throws RankineError `argument` for settings that make no sense
 */
export function slidingWindows(settings: SlidingWindowSettings = {}): RerankProgram<ListwiseQuestion, ListwiseAnswer> {
  const { window, step, passes } = checkedWindows(settings)
  return function* (task) {
    const order = task.hits.map((_, position) => position)
    const standing = () => ({ order: [...order] })
    for (let pass = 0; pass < passes; pass++) {
      let moved = false
      for (const [start, end] of windowBounds(order.length, window, step)) {
        if (end - start < 2) continue
        const documents = order.slice(start, end)
        const [answer] = yield { questions: [{ documents }], standing }
        if (!answer) continue
        answer.order.forEach((place, rank) => {
          const document = documents[place]!
          moved ||= order[start + rank] !== document
          order[start + rank] = document
        })
      }
      if (!moved) break
    }
    return standing()
  }
}
