/**
 * Arithmetic with sizes that are names: a product of names is a name too (`2*batch*length`), the same however it came about,
 * so that tensors that were flattened and unflattened are known to be as large as before.
 * @module
 */
import type { Dimension } from "./ir.js"

/** The product; null where a size is unknown. */
export function productOf(sizes: readonly Dimension[]): Dimension {
  let count = 1
  const names: string[] = []
  for (const size of sizes) {
    if (size === null) return null
    const [factor, factors] = factorsOf(size)
    count *= factor
    names.push(...factors)
  }
  return written(count, names)
}

/** What the second product must be multiplied with to give the first; null where that is not known. */
export function quotientOf(sizes: readonly Dimension[], divisors: readonly Dimension[]): Dimension {
  const [total, divisor] = [productOf(sizes), productOf(divisors)]
  if (total === null || divisor === null) return null
  const [count, names] = factorsOf(total)
  const [least, gone] = factorsOf(divisor)
  const left = [...names]
  for (const name of gone) {
    const at = left.indexOf(name)
    if (at < 0) return null
    left.splice(at, 1)
  }
  const share = count / least
  return Number.isInteger(share) ? written(share, left) : null
}

/** The sum; null where a size is unknown. */
export function sumOf(sizes: readonly Dimension[]): Dimension {
  let count = 0
  const names: string[] = []
  for (const size of sizes) {
    if (size === null) return null
    if (typeof size === "number") count += size
    else names.push(size)
  }
  if (names.length === 0) return count
  const terms = [...names.sort(), ...(count === 0 ? [] : [String(count)])]
  return terms.length === 1 ? terms[0]! : `(${terms.join("+")})`
}

/** The number and the names that a size is the product of. */
export function factorsOf(size: number | string): [number, string[]] {
  if (typeof size === "number") return [size, []]
  const names: string[] = []
  let count = 1
  let depth = 0
  let from = 0
  for (let at = 0; at <= size.length; at++) {
    const letter = size[at]
    if (letter === "(") depth++
    if (letter === ")") depth--
    if (at < size.length && (letter !== "*" || depth > 0)) continue
    const factor = size.slice(from, at)
    if (/^\d+$/.test(factor)) count *= Number(factor)
    else names.push(factor)
    from = at + 1
  }
  return [count, names]
}

function written(count: number, names: readonly string[]): Dimension {
  if (names.length === 0 || count === 0) return count
  return [...(count === 1 ? [] : [String(count)]), ...[...names].sort()].join("*")
}
