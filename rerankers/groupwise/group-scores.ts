/** Reads the scores that a model gives to a group of documents. @module */

/** The scale of the prompt: 0 to 10. */
export const HIGHEST = 10

export interface GroupScores {
  /** Of each document in [0, 1]; undefined for one that the model omitted. */
  readonly scores: readonly (number | undefined)[]
  readonly repairs: {
    /** The JSON had to be mended before it could be read, or single pairs were picked from what was left of it. */
    readonly mended: boolean
    /** Keys that name no document of the group. */
    readonly invalid: number
    /** Keys that name a document again; the first counts. */
    readonly duplicates: number
    /** Values that are no numbers; dropped. */
    readonly senseless: number
    /** Values outside the scale; the nearest end of it counts. */
    readonly clamped: number
    /** Documents without a score. */
    readonly missing: number
  }
  /** Nothing could be read. */
  readonly unreadable: boolean
  readonly repaired: boolean
}

/**
 * Scores from an answer, leniently: within the answer's tag where there is one, the last fenced block of JSON, else the last `{...}`; then
 * `[7]]` becomes `[7]`, a missing `}` is added, white space collapsed. Where that is no JSON either, whole `"[i]": n` pairs are picked out of
 * it, so that an answer that was cut off counts as far as it goes.
 *
 * @param answer the completion after its thoughts, or what stands in its answer tag
 */
export function groupScores(answer: string, count: number): GroupScores {
  const text = objectIn(answer)
  let mended = false
  let pairs = text === undefined ? undefined : pairsOf(text)
  if (text !== undefined && !pairs) {
    mended = true
    pairs = pairsOf(mend(text)) ?? pick(text)
  }
  const scores = new Array<number | undefined>(count).fill(undefined)
  const seen = new Set<number>()
  let invalid = 0
  let duplicates = 0
  let senseless = 0
  let clamped = 0
  for (const [key, value] of pairs ?? []) {
    const position = positionIn(key, count)
    if (position === undefined) invalid++
    else if (seen.has(position)) duplicates++
    else {
      seen.add(position)
      const number = numberIn(value)
      if (number === undefined) {
        senseless++
        continue
      }
      const kept = Math.min(HIGHEST, Math.max(0, number))
      if (kept !== number) clamped++
      scores[position] = kept / HIGHEST
    }
  }
  const missing = scores.filter((score) => score === undefined).length
  const repairs = { mended, invalid, duplicates, senseless, clamped, missing }
  const repaired = mended || invalid + duplicates + senseless + clamped + missing > 0
  return { scores, repairs, unreadable: missing === count && count > 0, repaired }
}

/** The last fenced block, else from the last `{` to its end; undefined where there is neither. */
function objectIn(answer: string): string | undefined {
  const fenced = [...answer.matchAll(/```(?:json)?\s*(\{[\s\S]*?)```/giu)].at(-1)?.[1]
  const text = fenced ?? answer
  const open = text.lastIndexOf("{")
  if (open === -1) return undefined
  const close = text.indexOf("}", open)
  return text.slice(open, close === -1 ? undefined : close + 1)
}

function mend(text: string): string {
  const closed = text.replace(/\[\s*([0-9]+)\s*\]\]+/gu, "[$1]").replace(/\s+/gu, " ")
  return closed.includes("}") ? closed : `${closed.replace(/[\s,]+$/u, "")}}`
}

/**
 * The pairs of a JSON object in their order, repeated keys included, which `JSON.parse` would drop; undefined for what is no JSON. Objects
 * of scores have no objects inside, so that a key is whatever stands before a colon.
 */
function pairsOf(text: string): [key: string, value: unknown][] | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined
  const found = [...text.matchAll(/("(?:[^"\\]|\\.)*")\s*:\s*("(?:[^"\\]|\\.)*"|[^,}\s[{]+)/gu)]
  const simple = found.map(([, key, value]): [string, unknown] => [JSON.parse(key!), JSON.parse(value!)])
  const keys = new Set(simple.map(([key]) => key))
  // Values that are lists or objects are no scores, and not found above.
  return [...simple, ...Object.entries(parsed).filter(([key]) => !keys.has(key))]
}

function pick(text: string): [key: string, value: unknown][] {
  return [...text.matchAll(/"\s*\[?\s*([0-9]+)\s*\]*\s*"\s*:\s*"?(-?[0-9]+(?:\.[0-9]+)?)(?![0-9.])/gu)].map(
    ([, key, value]) => [key!, Number(value)],
  )
}

/** `[3]` and `3` name position 2. */
function positionIn(key: string, count: number): number | undefined {
  const match = /^\s*\[?\s*([0-9]{1,9})\s*\]*\s*$/u.exec(key)
  const number = match ? Number(match[1]) : 0
  return number >= 1 && number <= count ? number - 1 : undefined
}

function numberIn(value: unknown): number | undefined {
  const number =
    typeof value === "string" && /^\s*-?[0-9]+(?:\.[0-9]+)?\s*(?:\/\s*10\s*)?$/u.test(value)
      ? Number.parseFloat(value)
      : value
  return typeof number === "number" && Number.isFinite(number) ? number : undefined
}

/** What a reward asks of a completion: its tags, then its JSON. */
export type StrictGroupScores =
  | { readonly kind: "scores"; readonly scores: readonly number[] }
  | { readonly kind: "invalid-json" }
  | { readonly kind: "invalid-format" }

const STRICT =
  /^\s*<reason>(?:(?!<\/?(?:reason|answer)>)[\s\S])*<\/reason>\s*<answer>((?:(?!<\/?(?:reason|answer)>)[\s\S])*)<\/answer>\s*$/u

/**
 * Scores from a whole completion, strictly, for rewards: `<reason>` and `<answer>` once each and nothing besides, in the answer one JSON
 * object (fenced or not) whose keys are exactly `"[1]"` to `"[count]"`, each once, and whose values are whole numbers from 0 to 10.
 *
 * @returns scores in [0, 1], or which of both contracts was broken; GroupRank rewards these with -0.1 and -0.5
 */
export function strictGroupScores(completion: string, count: number): StrictGroupScores {
  const answer = STRICT.exec(completion)?.[1]
  if (answer === undefined) return { kind: "invalid-format" }
  const pairs = pairsOf(answer.trim().replace(/^```(?:json)?\s*([\s\S]*?)\s*```$/iu, "$1"))
  const scores = new Array<number>(count).fill(Number.NaN)
  for (const [key, value] of pairs ?? []) {
    const position = /^\[([1-9][0-9]{0,8})\]$/u.exec(key)?.[1]
    const index = Number(position) - 1
    const fits = Number.isInteger(value) && (value as number) >= 0 && (value as number) <= HIGHEST
    if (!fits || !(index >= 0 && index < count) || !Number.isNaN(scores[index]!)) return { kind: "invalid-json" }
    scores[index] = (value as number) / HIGHEST
  }
  return scores.some(Number.isNaN) ? { kind: "invalid-json" } : { kind: "scores", scores }
}
