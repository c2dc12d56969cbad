import { RankineError } from "../../core/errors.js"
import type { FilledParameters, Gains, Measure, MeasureDefinition, MeasureParameters } from "./measure.js"
import { measureDefinitions } from "./table.js"

/** Values that fill the parameters a measure does not take; no definition reads them. */
const unused: FilledParameters = { cutoff: Number.POSITIVE_INFINITY, rel: 1, gains: "linear", p: 0.8, max: 4 }

const byName = new Map<string, MeasureDefinition>()
for (const definition of measureDefinitions)
  for (const name of [definition.name, ...definition.aliases]) byName.set(name.toLowerCase(), definition)

const example = (definition: MeasureDefinition) =>
  definition.cutoff === "none" ? definition.name : `${definition.name}@10`

function find(name: string, text: string): MeasureDefinition {
  const definition = byName.get(name.toLowerCase())
  if (definition) return definition
  throw new RankineError(
    "argument",
    `unknown measure ${text}; there are ${measureDefinitions.map(example).join(", ")}`,
    {
      details: { measures: measureDefinitions.map(({ name }) => name) },
    },
  )
}

/**
 * Reads a measure as ir_measures writes it: `nDCG@10`, `AP(rel=2)@100`, `nDCG(dcg='exp-log2')@10`, `RBP(p=0.9)`.
 * Names are matched without case and with their usual aliases (`MRR@10`, `MAP`, `Recall@100`, trec_eval's `ndcg_cut_10`).
 * `defaults.rel` is the relevance grade of measures that take one and do not name it.
 * Throws `argument` for an unknown measure, parameter or value, saying what exists.
 */
export function parseMeasure(text: string, defaults: { readonly rel?: number } = {}): Measure {
  // trec_eval appends the cut-off to the name: P_10, ndcg_cut.10.
  const trec = /^([a-z_]+)[_.](\d+)$/i.exec(text.trim())
  const match = trec ?? /^([a-z_]+)\s*(?:\(([^()]*)\))?\s*(?:@\s*(\S+))?$/i.exec(text.trim())
  if (!match)
    throw new RankineError(
      "argument",
      `cannot read the measure "${text}"; write it like nDCG@10, AP(rel=2) or RBP(p=0.8)`,
    )
  const definition = find(match[1]!, text)
  const given: Record<string, string> = Object.create(null)
  const [inside, at] = trec ? [undefined, match[2]] : [match[2], match[3]]
  for (const part of inside?.split(",") ?? []) {
    if (part.trim() === "" && inside!.trim() === "") continue
    const pair = /^\s*([a-z_]+)\s*=\s*(?:'([^']*)'|"([^"]*)"|([^\s'"]+))\s*$/i.exec(part)
    if (!pair) throw new RankineError("argument", `${text}: "${part.trim()}" is not of the form name=value`)
    if (Object.hasOwn(given, pair[1]!)) throw new RankineError("argument", `${text}: ${pair[1]} is given twice`)
    given[pair[1]!] = pair[2] ?? pair[3] ?? pair[4]!
  }
  if (at !== undefined) {
    if (Object.hasOwn(given, "cutoff")) throw new RankineError("argument", `${text}: the cut-off is given twice`)
    given.cutoff = at
  }
  return createMeasure(definition, readParameters(definition, given, text), defaults)
}

/** Reads a list separated by commas, spaces or newlines; commas inside parentheses belong to the measure. */
export function parseMeasures(text: string, defaults: { readonly rel?: number } = {}): Measure[] {
  const parts = text.match(/(?:[^,\s()]|\([^()]*\))+/g) ?? []
  if (parts.length === 0) throw new RankineError("argument", "name at least one measure, such as nDCG@10")
  return parts.map((part) => parseMeasure(part, defaults))
}

function readParameters(
  definition: MeasureDefinition,
  given: Readonly<Record<string, string>>,
  text: string,
): MeasureParameters {
  const result: { -readonly [K in keyof MeasureParameters]: MeasureParameters[K] } = {}
  for (const [name, value] of Object.entries(given)) {
    const takes =
      name === "cutoff"
        ? definition.cutoff !== "none"
        : Object.hasOwn(definition.defaults, name === "dcg" ? "gains" : name)
    if (!takes) {
      const known = [...(definition.cutoff === "none" ? [] : ["cutoff"]), ...Object.keys(definition.defaults)]
      throw new RankineError(
        "argument",
        `${text}: ${definition.name} takes no ${name}; it takes ${known.length > 0 ? known.join(", ") : "no parameter"}`,
      )
    }
    if (name === "gains" || name === "dcg") result.gains = readGains(value, text)
    else result[name as "cutoff" | "rel" | "p" | "max"] = readNumber(name, value, text)
  }
  return result
}

function readGains(value: string, text: string): Gains {
  if (value === "exp" || value === "exponential" || value === "exp-log2") return "exponential"
  if (value === "lin" || value === "linear" || value === "log2") return "linear"
  throw new RankineError("argument", `${text}: gains are linear or exp, not ${value}`)
}

function readNumber(name: string, value: string, text: string): number {
  const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value) ? Number(value) : Number.NaN
  const fits =
    name === "cutoff"
      ? Number.isInteger(number) && number >= 1
      : name === "p"
        ? number > 0 && number < 1
        : number > 0 && Number.isFinite(number)
  if (fits) return number
  const wanted = {
    cutoff: "a whole number of at least 1",
    p: "between 0 and 1",
    rel: "a number above 0",
    max: "a number above 0",
  }
  throw new RankineError("argument", `${text}: ${name} must be ${wanted[name as keyof typeof wanted]}, not ${value}`)
}

/** A measure from its definition and parameters. Throws `argument` when a required cut-off is missing. */
export function createMeasure(
  definition: MeasureDefinition,
  parameters: MeasureParameters = {},
  defaults: { readonly rel?: number } = {},
): Measure {
  if (definition.cutoff === "required" && parameters.cutoff === undefined)
    throw new RankineError("argument", `${definition.name} needs a cut-off, such as ${definition.name}@10`)
  const rel = "rel" in definition.defaults && defaults.rel !== undefined ? { rel: defaults.rel } : {}
  const filled: FilledParameters = { ...unused, ...definition.defaults, ...rel, ...parameters }
  return {
    name: formatMeasure(definition, filled),
    definition,
    parameters: filled,
    higherIsBetter: definition.higherIsBetter,
    compute: (ranking) => definition.compute(ranking, filled),
  }
}

/**
 * The canonical text, which ir_measures reads too. Defaults are left out, except RBP's p: the literature has no usual one.
 */
export function formatMeasure(definition: MeasureDefinition, parameters: FilledParameters): string {
  const parts: string[] = []
  for (const [name, usual] of Object.entries(definition.defaults)) {
    const value = parameters[name as keyof FilledParameters]
    if (value === usual && name !== "p") continue
    parts.push(name === "gains" ? "dcg='exp-log2'" : `${name}=${value}`)
  }
  const inside = parts.length > 0 ? `(${parts.join(",")})` : ""
  return `${definition.name}${inside}${Number.isFinite(parameters.cutoff) ? `@${parameters.cutoff}` : ""}`
}
