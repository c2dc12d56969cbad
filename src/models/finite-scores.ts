import { RankineError } from "../core/errors.js"
import type { PairScores } from "./pair-scorer.js"

/** The scores as they are; throws `model`, naming the pair, where one is no finite number. */
export function finiteScores<Scores extends PairScores>(model: string, result: Scores): Scores {
  const odd = result.scores.findIndex((score) => !Number.isFinite(score))
  if (odd === -1) return result
  throw new RankineError(
    "model",
    `${model} gives ${result.scores[odd]} for pair ${odd}: load it with a higher precision, or leave that document out`,
    { details: { pair: odd } },
  )
}
