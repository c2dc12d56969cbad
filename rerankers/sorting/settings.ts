import { RankineError } from "../../src/core/index.js"

/** Throws `argument` unless each value is a whole number within its bounds. */
export function checkWhole(
  values: Readonly<Record<string, readonly [value: number, least: number, most?: number | undefined]>>,
) {
  for (const [name, [value, least, most = Number.POSITIVE_INFINITY]] of Object.entries(values)) {
    const bounds = Number.isFinite(most) ? `from ${least} to ${most}` : `of at least ${least}`
    if (!Number.isInteger(value) || value < least || value > most)
      throw new RankineError("argument", `${name} must be a whole number ${bounds}, got ${value}`)
  }
}

/** Throws `argument` unless the value is one of the names. */
export function checkOneOf<Name extends string>(option: string, value: Name, names: readonly Name[]): void {
  if (!names.includes(value))
    throw new RankineError("argument", `${option} must be one of ${names.join(", ")}, got ${JSON.stringify(value)}`)
}
