/** Filters on metadata: a plain-data form that files and HTTP requests can carry, or a function. @module */
import type { Document } from "./document.js"
import { RankineError } from "./errors.js"

export type FilterValue = string | number | boolean | null

/** Conditions on one metadata field; several are joined by "and". An array in the metadata matches when one of its items does. */
export interface FieldCondition {
  readonly $eq?: FilterValue
  readonly $ne?: FilterValue
  readonly $in?: readonly FilterValue[]
  readonly $nin?: readonly FilterValue[]
  readonly $gt?: string | number
  readonly $gte?: string | number
  readonly $lt?: string | number
  readonly $lte?: string | number
  readonly $exists?: boolean
}

/** `{ year: { $gte: 2020 }, lang: "en" }`; `$and`, `$or`, `$not` combine; `id` names the document's id. */
export type FilterExpression = {
  readonly $and?: readonly FilterExpression[]
  readonly $or?: readonly FilterExpression[]
  readonly $not?: FilterExpression
} & {
  readonly [field: string]: FilterValue | FieldCondition | FilterExpression | readonly FilterExpression[] | undefined
}

export type FilterPredicate = (document: Pick<Document, "id" | "metadata">) => boolean
export type Filter = FilterExpression | FilterPredicate

type Order = (left: string | number, right: string | number) => boolean
const orders: Record<string, Order> = {
  $gt: (left, right) => left > right,
  $gte: (left, right) => left >= right,
  $lt: (left, right) => left < right,
  $lte: (left, right) => left <= right,
}

function holds(value: unknown, operator: string, operand: unknown): boolean {
  const order = orders[operator]
  // Strings and numbers are not compared with each other: "10" > 9 is a mistake more often than a wish.
  if (order) return some(value, (item) => typeof item === typeof operand && order(item as number, operand as number))
  switch (operator) {
    case "$eq":
      return some(value, (item) => (item ?? null) === operand)
    case "$ne":
      return !holds(value, "$eq", operand)
    case "$in":
      return (operand as readonly unknown[]).some((choice) => holds(value, "$eq", choice))
    case "$nin":
      return !holds(value, "$in", operand)
    case "$exists":
      return (value !== undefined) === operand
    default:
      throw new RankineError(
        "argument",
        `unknown filter operator ${operator}: use $eq, $ne, $in, $nin, $gt, $gte, $lt, $lte, $exists, $and, $or or $not`,
      )
  }
}

function some(value: unknown, test: (item: unknown) => boolean): boolean {
  return Array.isArray(value) ? value.some(test) : test(value)
}

/** The predicate of a filter. Throws `argument` for an operator that does not exist. */
export function compileFilter(filter: Filter): FilterPredicate {
  if (typeof filter === "function") return filter
  const tests = Object.entries(filter).map(([key, condition]): FilterPredicate => {
    if (condition === undefined) return () => true
    if (key === "$and") {
      const all = (condition as readonly FilterExpression[]).map(compileFilter)
      return (document) => all.every((test) => test(document))
    }
    if (key === "$or") {
      const any = (condition as readonly FilterExpression[]).map(compileFilter)
      return (document) => any.some((test) => test(document))
    }
    if (key === "$not") {
      const not = compileFilter(condition as FilterExpression)
      return (document) => !not(document)
    }
    if (key.startsWith("$"))
      throw new RankineError(
        "argument",
        `${key} cannot stand on its own: write { field: { $eq: value } }, or combine filters with $and, $or and $not`,
      )
    // Own keys only: every object inherits "constructor" and the like.
    const read = ({ id, metadata }: Pick<Document, "id" | "metadata">) =>
      key === "id" ? id : metadata && Object.hasOwn(metadata, key) ? metadata[key] : undefined
    if (condition === null || typeof condition !== "object")
      return (document) => holds(read(document), "$eq", condition)
    const parts = Object.entries(condition)
    for (const [operator, operand] of parts) {
      const takesList = operator === "$in" || operator === "$nin"
      holds(undefined, operator, takesList ? [] : operand)
      if (takesList && !Array.isArray(operand))
        throw new RankineError("argument", `${operator} of "${key}" needs a list of values`)
    }
    return (document) => parts.every(([operator, operand]) => holds(read(document), operator, operand))
  })
  return (document) => tests.every((test) => test(document))
}
