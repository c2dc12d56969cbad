import { documentText, RankineError, type RerankProgram } from "../../src/core/index.js"
import type { PointwiseQuestion } from "../program/questions.js"

/** A score, higher is better; undefined where nothing can be read from what the model says. */
export type PointwiseAnswer = number | undefined

/**
 * Asks for the score of each document alone and orders by it; equal scores keep the incoming order. Documents with equal texts are asked
 * about once. A document without an answer is left out of the order, and so stays below in the order in which it came in.
 *
 * @param chunk most questions of a round: all at once, unless what is known is to be shown in between
 * @throws RankineError `argument` for a chunk below 1
 */
export function scoreEach(chunk = Number.POSITIVE_INFINITY): RerankProgram<PointwiseQuestion, PointwiseAnswer> {
  if (!(chunk >= 1)) throw new RankineError("argument", `chunk must be a number of at least 1, got ${chunk}`)
  return function* ({ hits }) {
    const texts = hits.map(({ document, id }) => (document ? documentText(document) : id))
    const positions = new Map<string, number[]>()
    texts.forEach((text, position) => {
      const known = positions.get(text)
      if (known) known.push(position)
      else positions.set(text, [position])
    })
    const scores = new Array<number | undefined>(hits.length)
    const standing = () => {
      const order: number[] = []
      for (let position = 0; position < hits.length; position++)
        if (scores[position] !== undefined) order.push(position)
      order.sort((left, right) => scores[right]! - scores[left]! || left - right)
      return { order, scores: order.map((position) => scores[position]!) }
    }
    const groups = [...positions.values()]
    for (let from = 0; from < groups.length; from += chunk) {
      const asked = groups.slice(from, from + chunk)
      const answers = yield { questions: asked.map(([first]) => ({ document: first! })), standing }
      asked.forEach((group, at) => {
        for (const position of group) scores[position] = answers[at]
      })
    }
    return standing()
  }
}
