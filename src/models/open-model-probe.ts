/** What must hold for the numbers of any model, known or not. @module */
import type { OpenedModel } from "./open-model.js"
import { AGAIN, type Finding } from "./open-model-finding.js"
import { probePairs } from "./probe.js"

const texts = [
  "Penguins feed on fish, squid and krill that they catch under water.",
  "Steam under pressure drives a piston, which turns a wheel.",
  "The city council voted on Tuesday.",
  "A short one.",
]

/** In a batch, sums are made in another order; more than this is a fault of the model or of the runtime. */
const BATCH_TOLERANCE = 1e-4

/**
 * Encodes or scores a few texts, alone and together: numbers must be finite, not the same for all, the same for the same text, and the
 * same alone and in a batch.
 */
export async function probe(opened: OpenedModel): Promise<Finding[]> {
  const run = runnerOf(opened)
  const together = await run.all([...run.inputs, run.inputs[0]])
  const alone = await Promise.all(run.inputs.map(async (input) => (await run.all([input]))[0]))
  const faults: Finding[] = []
  const fault = (what: string, remedy: string) => faults.push({ status: "problem", code: "model", what, remedy })
  if ([...together, ...alone].some((numbers) => numbers.some((value) => !Number.isFinite(value))))
    fault("some numbers are not finite", `${AGAIN}, or load it with precision fp32`)
  else {
    if (together.slice(1, -1).every((numbers) => difference(numbers, together[0]) < 1e-6))
      fault("all texts have the same numbers", AGAIN)
    if (difference(together[0], together.at(-1)!) > BATCH_TOLERANCE)
      fault("the same text, twice in a batch, has two different results", "report it with the model's name")
    const most = Math.max(...alone.map((numbers, index) => difference(numbers, together[index])))
    if (most > BATCH_TOLERANCE)
      fault(
        `a text alone and in a batch differs by ${most.toPrecision(2)}`,
        "take weights that are not quantised per batch: the safetensors, or an export with precision fp32",
      )
  }
  if (faults.length > 0) return faults
  return [{ status: "ok", what: "numbers are finite, differ between texts, and are the same alone and in a batch" }]
}

/** Numbers of one input. */
type Numbers = readonly number[]

interface Runner<Input> {
  readonly inputs: readonly Input[]
  all(inputs: readonly Input[]): Promise<Numbers[]>
}

function runnerOf(opened: OpenedModel): Runner<unknown> {
  const ofTexts = (encode: (batch: readonly string[]) => Promise<Numbers[]>): Runner<unknown> => ({
    inputs: texts,
    all: (inputs) => encode(inputs as readonly string[]),
  })
  switch (opened.kind) {
    case "static":
    case "embedder":
      return ofTexts(async (batch) => (await opened.model.encode(batch, "document")).map((vector) => [...vector]))
    case "sparse":
      return ofTexts(async (batch) =>
        (await opened.model.encode(batch, "document")).map(({ ids, weights }) => {
          const numbers = new Array<number>(opened.model.vocabulary).fill(0)
          for (const [index, id] of ids.entries()) numbers[id] = weights[index]
          return numbers
        }),
      )
    case "late-interaction":
      return ofTexts(async (batch) => (await opened.model.encode(batch, "document")).map(({ rows }) => [...rows]))
    case "cross-encoder":
    case "t5":
      return {
        inputs: probePairs,
        all: async (pairs) => (await opened.model.score(pairs as typeof probePairs)).scores.map((score) => [score]),
      }
  }
}

/** Vectors of different lengths (late interaction) are different. */
function difference(left: Numbers, right: Numbers): number {
  if (left.length !== right.length) return Number.POSITIVE_INFINITY
  return left.reduce((most, value, index) => Math.max(most, Math.abs(value - right[index])), 0)
}
