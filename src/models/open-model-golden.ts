/** The numbers of a model beside those of the reference implementation. @module */
import type { OpenedModel } from "./open-model.js"
import { AGAIN, type Finding } from "./open-model-finding.js"
import type { RegistryEntry } from "./registry/entry.js"

type Golden = NonNullable<RegistryEntry["golden"]>

/** The largest difference so far, and where it was. */
class Worst {
  difference = 0
  where = ""
  compared = 0

  add(given: number | undefined, wanted: number, where: string): void {
    this.compared++
    const difference =
      given === undefined || !Number.isFinite(given) ? Number.POSITIVE_INFINITY : Math.abs(given - wanted)
    if (difference <= this.difference) return
    this.difference = difference
    this.where = where
  }
}

/**
 * Compares with the golden numbers of the registry's entry; one finding, or none where the entry has no numbers for such weights.
 * @param weights the type of most weights, `undefined` where the graph is exported
 */
export async function compareGolden({ info, ...opened }: OpenedModel, weights: string | undefined): Promise<Finding[]> {
  const golden = info.entry?.golden
  if (!golden) return []
  if (weights !== undefined && weights !== golden.of)
    return [
      {
        status: "ok",
        what: `no numbers are known for weights in ${weights} (the registry has those of ${golden.of}): only their form was checked`,
      },
    ]
  const worst = new Worst()
  switch (opened.kind) {
    case "static":
    case "embedder":
      await compareVectors(opened.model, golden, worst)
      break
    case "sparse":
      await compareTerms(opened.model, golden, worst)
      break
    case "cross-encoder":
    case "t5": {
      const { scores } = await opened.model.score(golden.pairs)
      for (const [index, pair] of golden.pairs.entries())
        worst.add(scores[index], pair.score, `the pair ${quoted(pair.query)}`)
      break
    }
    case "late-interaction":
      break
  }
  if (worst.compared === 0) return []
  if (worst.difference <= golden.tolerance)
    return [
      {
        status: "ok",
        what: `${worst.compared} numbers as ${golden.by} gives them (largest difference ${worst.difference.toExponential(1)})`,
      },
    ]
  return [
    {
      status: "problem",
      code: "model",
      what:
        `numbers differ from those of ${golden.by} by up to ${worst.difference.toPrecision(3)}, at ${worst.where}; ` +
        `${golden.tolerance} is allowed`,
      remedy: `${AGAIN}: weights, tokenizer, prompts or pooling are not those of ${info.name}`,
    },
  ]
}

interface Vectors {
  encode(texts: readonly string[], side: "query" | "document"): Promise<readonly Float32Array[]>
}

async function compareVectors(model: Vectors, { vectors, pairs }: Golden, worst: Worst): Promise<void> {
  for (const { text, side, begins } of vectors) {
    const [vector] = await model.encode([text], side)
    for (const [index, value] of begins.entries())
      worst.add(vector?.[index], value, `component ${index} of ${quoted(text)}`)
  }
  for (const { query, document, score } of pairs) {
    const [left] = await model.encode([query], "query")
    const [right] = await model.encode([document], "document")
    worst.add(
      left.reduce((sum, value, index) => sum + value * right[index], 0),
      score,
      `the pair ${quoted(query)}`,
    )
  }
}

interface Terms {
  encode(
    texts: readonly string[],
    side: "query" | "document",
  ): Promise<readonly { readonly ids: Uint32Array; readonly weights: Float32Array }[]>
}

async function compareTerms(model: Terms, { terms }: Golden, worst: Worst): Promise<void> {
  for (const { text, side, count, weights } of terms) {
    const [vector] = await model.encode([text], side)
    worst.add(vector.ids.length, count, `the number of terms of ${quoted(text)}`)
    for (const [id, weight] of Object.entries(weights))
      worst.add(vector.weights[vector.ids.indexOf(Number(id))], weight, `term ${id} of ${quoted(text)}`)
  }
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}
