/** Turns option texts into values; what does not fit ends with exit code 2 and says what would. @module */
import { InvalidArgumentError } from "commander"
import type { Filter } from "../core/index.js"
import { compileFilter, RankineError } from "../core/index.js"

/** A whole number of at least `minimum`. */
export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() === "" || !Number.isSafeInteger(value) || value < minimum)
      throw new InvalidArgumentError(`It must be a whole number of at least ${minimum}.`)
    return value
  }
}

/** A number within [minimum, maximum]. */
export function numberBetween(minimum: number, maximum = Number.POSITIVE_INFINITY): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() === "" || !Number.isFinite(value) || value < minimum || value > maximum)
      throw new InvalidArgumentError(
        maximum === Number.POSITIVE_INFINITY
          ? `It must be a number of at least ${minimum}.`
          : `It must be a number from ${minimum} to ${maximum}.`,
      )
    return value
  }
}

/** `a,b,c`, without blanks and empty parts. */
export function list(text: string): string[] {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
  if (parts.length === 0) throw new InvalidArgumentError("It must name at least one, separated by commas.")
  return parts
}

/** `a,b,c` of numbers. */
export function numberList(minimum: number, maximum?: number): (text: string) => number[] {
  return (text) => list(text).map(numberBetween(minimum, maximum))
}

/** `a,b,c` of whole numbers. */
export function wholeNumberList(minimum: number): (text: string) => number[] {
  return (text) => list(text).map(wholeNumber(minimum))
}

/** `title=2,text=1`. */
export function weights(text: string): Record<string, number> {
  return Object.fromEntries(
    list(text).map((part) => {
      const at = part.lastIndexOf("=")
      const value = Number(part.slice(at + 1))
      if (at < 1 || part.slice(at + 1).trim() === "" || !Number.isFinite(value) || value < 0)
        throw new InvalidArgumentError("It must look like title=2,text=1.")
      return [part.slice(0, at).trim(), value]
    }),
  )
}

/** One of `names`. */
export function oneOf<Name extends string>(names: readonly Name[]): (text: string) => Name {
  return (text) => {
    const found = names.find((name) => name === text)
    if (found === undefined) throw new InvalidArgumentError(`It must be one of ${names.join(", ")}.`)
    return found
  }
}

/** A metadata filter as JSON: `{"lang":"en","year":{"$gte":2020}}`. */
export function filterJson(text: string): Filter {
  let filter: unknown
  try {
    filter = JSON.parse(text)
  } catch (cause) {
    throw new InvalidArgumentError(`It is no JSON (${(cause as Error).message}); write '{"year":{"$gte":2020}}'.`)
  }
  if (filter === null || typeof filter !== "object" || Array.isArray(filter))
    throw new InvalidArgumentError(`It must be a JSON object such as '{"year":{"$gte":2020}}'.`)
  try {
    compileFilter(filter as Filter)
  } catch (error) {
    if (error instanceof RankineError) throw new InvalidArgumentError(`${error.message}.`)
    throw error
  }
  return filter as Filter
}
