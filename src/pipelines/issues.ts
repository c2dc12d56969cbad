/** Zod's issues as sentences that name the key, what is allowed there, and what was probably meant. @module */
import type * as z from "zod"
import { didYouMean } from "./suggest.js"

type Path = readonly PropertyKey[]

/** `pipeline.stages[1].mmr.lambda` */
export function formatPath(path: Path): string {
  let text = ""
  for (const key of path) text += typeof key === "number" ? `[${key}]` : `${text ? "." : ""}${String(key)}`
  return text || "the top level"
}

/** One sentence per mistake. `schema` and `value` are what was parsed with what. */
export function describeIssues(issues: readonly z.core.$ZodIssue[], schema: z.core.$ZodType, value: unknown): string[] {
  return issues.flatMap((issue) => describeIssue(issue, [], schema, value))
}

function describeIssue(issue: z.core.$ZodIssue, base: Path, root: z.core.$ZodType, value: unknown): string[] {
  const path = [...base, ...issue.path]
  const where = formatPath(path)
  switch (issue.code) {
    case "unrecognized_keys": {
      const allowed = keysAt(root, path)
      return issue.keys.map(
        (key) =>
          `${formatPath([...path, key])}: unknown key${didYouMean(key, allowed)}; allowed ${path.length > 0 ? "here" : "at the top level"}: ${allowed.join(", ") || "none"}`,
      )
    }
    case "invalid_union":
      return describeUnion(issue, path, root, value)
    case "invalid_value": {
      const given = at(value, path)
      const values = issue.values.map(String)
      const guess = typeof given === "string" ? didYouMean(given, values) : ""
      return [`${where}: must be ${listOf(values)}, got ${show(given)}${guess}`]
    }
    default: {
      const given = at(value, path)
      return [`${where}: ${given === undefined ? "is missing" : `got ${show(given)}`}; ${plain(issue.message)}`]
    }
  }
}

/** Of a union, the branch that was meant is the one whose mistakes lie deeper than the union itself. */
function describeUnion(
  issue: z.core.$ZodIssueInvalidUnion,
  path: Path,
  root: z.core.$ZodType,
  value: unknown,
): string[] {
  const meant = issue.errors.filter((branch) => branch.length > 0 && branch.every((inner) => inner.path.length > 0))
  const given = at(value, path)
  const keys = isRecord(given) ? Object.keys(given) : []
  // A branch of another name also fails below itself, for want of its own key; it is not the one that was meant.
  const fitting = meant.filter(
    (branch) => keys.length === 0 || branch.every((inner) => keys.includes(String(inner.path[0]))),
  )
  const [branch] = fitting
  if (branch) return branch.flatMap((inner) => describeIssue(inner, path, root, value))
  const names = namesAt(root, path)
  if (names.length === 0)
    return [
      `${formatPath(path)}: got ${show(given)}; ${issue.errors.map((all) => plain(all[0]?.message ?? "")).join(", or ")}`,
    ]
  const where = formatPath(path)
  if (given === undefined) return [`${where}: is missing; allowed: ${names.join(", ")}`]
  if (typeof given === "string")
    return names.includes(given)
      ? [`${where}: ${given} needs options: write { ${given}: … }`]
      : [`${where}: unknown name "${given}"${didYouMean(given, names)}; allowed: ${names.join(", ")}`]
  if (keys.length === 1 && !names.includes(keys[0]!))
    return [`${where}: unknown name "${keys[0]}"${didYouMean(keys[0]!, names)}; allowed: ${names.join(", ")}`]
  return [
    `${where}: must be a name or an object with one name as its only key, got ${show(given)}; allowed: ${names.join(", ")}`,
  ]
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

function at(value: unknown, path: Path): unknown {
  let current = value
  for (const key of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, key)) return undefined
    current = (current as Record<PropertyKey, unknown>)[key]
  }
  return current
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

function listOf(values: readonly string[]): string {
  return values.length === 1 ? values[0]! : `one of ${values.join(", ")}`
}

/** Zod's sentence without what is said before it already. */
function plain(message: string): string {
  const text = message.replace(/^Invalid input: /, "").replace(/, received \w+$/, "")
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/** The keys that objects at a path may have. */
function keysAt(root: z.core.$ZodType, path: Path): string[] {
  return [...new Set(schemasAt(root, path).flatMap((schema) => Object.keys(shapeOf(schema) ?? {})))]
}

/** The names that a part at a path may have: each is the one key of one of the union's objects. */
function namesAt(root: z.core.$ZodType, path: Path): string[] {
  const objects = schemasAt(root, path)
    .map(shapeOf)
    .filter((shape) => shape !== undefined)
  const isPart = objects.length > 1 && objects.every((shape) => Object.keys(shape).length === 1)
  return isPart ? objects.flatMap((shape) => Object.keys(shape)) : []
}

function schemasAt(root: z.core.$ZodType, path: Path): z.core.$ZodType[] {
  let schemas = unwrap(root)
  for (const key of path)
    schemas = schemas.flatMap((schema) => {
      const { def } = (schema as z.core.$ZodTypes)._zod
      if (def.type === "array") return unwrap(def.element)
      if (def.type === "record") return unwrap(def.valueType)
      const shape = shapeOf(schema)
      return shape && Object.hasOwn(shape, key) ? unwrap(shape[String(key)]!) : []
    })
  return schemas
}

function shapeOf(schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod
  return def.type === "object" ? def.shape : undefined
}

/** What stands behind optional, default, lazy and union. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType[] {
  const { def } = (schema as z.core.$ZodTypes)._zod
  switch (def.type) {
    case "optional":
    case "default":
    case "prefault":
    case "nullable":
    case "readonly":
      return unwrap(def.innerType)
    case "lazy":
      return unwrap(def.getter())
    case "union":
      return def.options.flatMap(unwrap)
    default:
      return [schema]
  }
}
