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

/** Filters may come from anywhere: nobody writes so many brackets by hand. */
const MOST_LEVELS = 32

/** The predicate of a filter. Throws `argument` for an operator that does not exist, or whose operand is of a wrong type. */
export function compileFilter(filter: Filter): FilterPredicate {
  return typeof filter === "function" ? filter : compileExpression(filter, 1)
}

function compileExpression(filter: unknown, level: number): FilterPredicate {
  if (typeof filter !== "object" || filter === null || Array.isArray(filter))
    throw new RankineError("argument", `a filter is an object, such as { year: { $gte: 2020 } }; got ${shown(filter)}`)
  if (level > MOST_LEVELS)
    throw new RankineError("argument", `the filter has more than ${MOST_LEVELS} levels: write it with $in or flatter`)
  const compileList = (key: string, given: unknown) => {
    if (!Array.isArray(given)) throw new RankineError("argument", `${key} takes a list of filters; got ${shown(given)}`)
    return given.map((each) => compileExpression(each, level + 1))
  }
  const tests = Object.entries(filter).map(([key, condition]): FilterPredicate => {
    if (condition === undefined) return () => true
    if (key === "$and") {
      const all = compileList(key, condition)
      return (document) => all.every((test) => test(document))
    }
    if (key === "$or") {
      const any = compileList(key, condition)
      return (document) => any.some((test) => test(document))
    }
    if (key === "$not") {
      const not = compileExpression(condition, level + 1)
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
    if (Array.isArray(condition))
      throw new RankineError("argument", `"${key}" has a list as its condition: write { ${key}: { $in: [...] } }`)
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

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 60)
}
