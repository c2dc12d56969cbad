/** The marks of bench/expected/bm25-speed.yaml against what was measured. @module */
import { readFileSync } from "node:fs"
import { parse } from "yaml"
import { OURS } from "./engines.mjs"
import { figure, growth } from "./report.mjs"

const file = new URL("../expected/bm25-speed.yaml", import.meta.url)

function row(result, collection, engine) {
  const found = result.collections.find(({ name }) => name === collection)
  return found?.rows?.find((one) => one.engine === engine)
}

const medianSeconds = (one) => {
  const values = (one?.index ?? []).map(({ totalSeconds }) => totalSeconds).sort((left, right) => left - right)
  return values[values.length >> 1]
}

/** The measured value of one mark, or undefined when this run did not measure it. */
export function measuredValue(mark, result) {
  if (mark.measure === "growth") {
    const sizes = growth(result.collections) ?? []
    const wanted = [mark.from, mark.to].map((documents) => sizes.find((size) => size.documents === documents)?.latency)
    return wanted[0] && wanted[1] ? wanted[1] / wanted[0] : undefined
  }
  const ours = row(result, mark.collection, OURS)
  const peer = row(result, mark.collection, mark.peer)
  if (mark.measure === "ndcg") return ours?.ndcg
  if (mark.measure === "index") {
    const [mine, theirs] = [medianSeconds(ours), medianSeconds(peer)]
    return mine && theirs ? theirs / mine : undefined
  }
  return peer?.ratios?.[mark.measure]?.median
}

function name(mark) {
  if (mark.measure === "growth")
    return `median query at ${mark.to.toLocaleString("en")} against ${mark.from.toLocaleString("en")} documents`
  if (mark.measure === "ndcg") return `${mark.collection}: nDCG@10`
  const what = mark.measure === "index" ? "text to index" : `queries/s ${mark.measure.replace("search@", "at k = ")}`
  return `${mark.collection}: ${what}, ours against ${mark.peer}`
}

/** Every mark that this result can tell: { name, wanted, value, met }. */
export function checkMarks(result, marks = parse(readFileSync(file, "utf8")).marks) {
  return marks.flatMap((mark) => {
    const value = measuredValue(mark, result)
    if (value === undefined) return []
    if (mark.measure === "ndcg") {
      const met = Math.abs(value - mark.expected) <= mark.tolerance
      return [{ name: name(mark), wanted: mark.expected.toFixed(4), value: value.toFixed(4), met }]
    }
    const met = mark.atLeast === undefined ? value <= mark.atMost : value >= mark.atLeast
    const wanted = mark.atLeast === undefined ? `at most ${mark.atMost}×` : `at least ${mark.atLeast}×`
    return [{ name: name(mark), wanted, value: `${figure(value)}×`, met }]
  })
}
