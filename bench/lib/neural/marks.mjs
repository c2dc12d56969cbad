/** The marks of bench/expected/neural-speed.yaml against what was measured. @module */
import { readFileSync } from "node:fs"
import { parse } from "yaml"
import { figure } from "../report.mjs"

const file = new URL("../../expected/neural-speed.yaml", import.meta.url)

const rowOf = (part, engine) => part?.rows?.find((row) => row.engine === engine && row.rounds?.length > 0)

const quality = (parts, name, collection) =>
  parts.quality?.collections.find((one) => one.name === collection)?.rows.find((row) => row.name === name)?.measures?.[
    "nDCG@10"
  ]

const measures = {
  /** Speed of `engine` against `peer`. */
  speed({ part, engine, peer }, { parts }) {
    return rowOf(parts[part], peer)?.[engine === "rankine-int8" ? "ratioInt8" : "ratio"]?.median
  },
  /** Peak memory of `engine` as a share of `peer`'s. */
  peak({ part, engine, peer }, { parts }) {
    const [mine, theirs] = [rowOf(parts[part], engine)?.peakBytes, rowOf(parts[part], peer)?.peakBytes]
    return mine && theirs ? mine / theirs : undefined
  },
  /** Memory at the end against after the first thousand texts. */
  growth({ model }, { parts }) {
    const row = parts.growth?.rows.find(({ name, first }) => name === model && first)
    return row && row.last / row.first
  },
  /** The longest p99 of all that was measured, in milliseconds. */
  delay(_, { parts }) {
    const values = (parts.responsive?.rows ?? []).flatMap(({ p99Ms }) => (p99Ms === undefined ? [] : [p99Ms]))
    return values.length > 0 ? Math.max(...values) : undefined
  },
  /** Kills while saving after which something was missing. */
  damaged(_, { parts }) {
    return parts.nearest?.kills?.damaged
  },
  /** The gain of a pipeline's mean nDCG@10 over another's, over all collections named. */
  gain({ pipeline, over, collections }, { parts }) {
    const gains = collections.map((one) => quality(parts, pipeline, one) - quality(parts, over, one))
    return gains.some(Number.isNaN) ? undefined : gains.reduce((sum, gain) => sum + gain, 0) / gains.length
  },
  /** How far a pipeline's nDCG@10 is from another's, or from a figure, on the collection where that is most. */
  distance({ pipeline, from, collections, expected }, { parts }) {
    const distances = collections.map((one) =>
      Math.abs(quality(parts, pipeline, one) - (expected ?? quality(parts, from, one))),
    )
    return distances.some(Number.isNaN) ? undefined : Math.max(...distances)
  },
}

const formats = {
  speed: (value) => `${figure(value)}×`,
  peak: (value) => `${figure(value)}×`,
  growth: (value) => `${value.toFixed(3)}×`,
  delay: (value) => `${figure(value)} ms`,
  damaged: (value) => String(value),
  gain: (value) => value.toFixed(4),
  distance: (value) => value.toFixed(4),
}

/** Every mark that this result can tell: { name, wanted, value, met }. */
export function checkNeuralMarks(result, marks = parse(readFileSync(file, "utf8")).marks) {
  return marks.flatMap((mark) => {
    const value = measures[mark.measure](mark, result)
    if (value === undefined) return []
    const format = formats[mark.measure]
    const met = mark.atLeast === undefined ? value <= mark.atMost : value >= mark.atLeast
    const wanted = mark.atLeast === undefined ? `at most ${format(mark.atMost)}` : `at least ${format(mark.atLeast)}`
    return [{ name: mark.name, wanted, value: format(value), met }]
  })
}
