import { RankineError } from "../core/index.js"
import { type Measure, parseMeasures } from "../evaluation/index.js"
import { didYouMean } from "../pipelines/suggest.js"

/** The measures of `--measures`; an unknown one brings the nearest name that exists. Throws `argument`. */
export function measuresOf(text: string, rel?: number): Measure[] {
  try {
    return parseMeasures(text, rel === undefined ? {} : { rel })
  } catch (thrown) {
    const known = thrown instanceof RankineError ? thrown.details.measures : undefined
    if (!(thrown instanceof RankineError) || !Array.isArray(known)) throw thrown
    const unknown = /unknown measure ([a-z_]+)/i.exec(thrown.message)?.[1] ?? ""
    throw new RankineError("argument", `${thrown.message}${didYouMean(unknown, known as string[])}`, {
      details: thrown.details,
    })
  }
}
