/** What a cross-encoder's own files say of its output: how logits become a score, and which label counts. @module */
import { RankineError } from "../core/errors.js"
import type { ScoreKind } from "../core/ranking.js"
import { readModelJson } from "./model-files.js"

/** `identity` gives a logit, `sigmoid` and `softmax` a probability. */
export type PairActivation = "identity" | "sigmoid" | "softmax"

export interface PairHead {
  readonly activation: PairActivation
  readonly scoreKind: Extract<ScoreKind, "probability" | "logit">
  /** The label whose score it is. */
  readonly label: { readonly index: number; readonly name: string }
}

export interface PairHeadOptions {
  /** Overrides the model's files. */
  readonly activation?: PairActivation
  /** Name or number of the label that means relevance, for models with several. */
  readonly label?: string | number
}

const activations: Readonly<Record<string, PairActivation>> = {
  Identity: "identity",
  Sigmoid: "sigmoid",
  Softmax: "softmax",
}

/** Names that say that a document answers a query, of models with two labels. */
const positive = new Set(["relevant", "positive", "pos", "true", "yes", "1", "match", "entailment"])

/**
 * The activation as sentence-transformers finds it: `activation_fn` of config_sentence_transformers.json, then of config.json's
 * `sentence_transformers`, then `sbert_ce_default_activation_function`; a sigmoid where nothing is said of one label.
 *
 * With several labels the score is the probability of one of them (softmax; a sigmoid for `multi_label_classification`); `Identity` in their files, which sentence-transformers writes
 * for every such model, does not change that, since one logit among several means nothing by itself. Of two labels the positive one by
 * name counts, the second where they have no names (Nogueira and Cho, Passage re-ranking with BERT, 2019). More labels need `label`.
 *
 * @param raw config.json
 * @param labels numbers that the head gives
 * @throws RankineError `model` for an activation that is unknown or makes all scores equal, or where it is not clear which label counts,
 *   `argument` for a label that the model does not have
 */
export async function readPairHead(
  folder: string,
  raw: Readonly<Record<string, unknown>>,
  labels: number,
  options: PairHeadOptions = {},
): Promise<PairHead> {
  const label = labelOf(raw, labels, options.label)
  const activation = options.activation ?? (await activationOf(folder, raw, labels))
  if (activation === "softmax" && labels === 1)
    throw new RankineError(
      "model",
      "softmax over the one logit of this model gives 1 for every pair: load it with activation sigmoid or identity",
    )
  return { activation, label, scoreKind: activation === "identity" ? "logit" : "probability" }
}

/** The score of a pair from the head's logits. */
export function pairScore({ activation, label: { index } }: PairHead, logits: Float32Array): number {
  const logit = logits[index]
  switch (activation) {
    case "identity":
      return logit
    case "sigmoid":
      return 1 / (1 + Math.exp(-logit))
    case "softmax": {
      let sum = 0
      for (const other of logits) sum += Math.exp(other - logit)
      return 1 / sum
    }
  }
}

async function activationOf(
  folder: string,
  raw: Readonly<Record<string, unknown>>,
  labels: number,
): Promise<PairActivation> {
  const own = await readModelJson(folder, "config_sentence_transformers.json")
  const inConfig = raw.sentence_transformers as { activation_fn?: unknown } | null | undefined
  const named = own?.activation_fn ?? inConfig?.activation_fn ?? raw.sbert_ce_default_activation_function
  // Labels that may hold together each have a probability of their own.
  const among = raw.problem_type === "multi_label_classification" ? "sigmoid" : "softmax"
  if (named === undefined || named === null) return labels === 1 ? "sigmoid" : among
  const name = typeof named === "string" ? named.slice(named.lastIndexOf(".") + 1) : ""
  if (!Object.hasOwn(activations, name))
    throw new RankineError(
      "model",
      `the model's files name the activation ${JSON.stringify(named)}, which is not supported ` +
        `(${Object.keys(activations).join(", ")} are): give activation`,
    )
  const activation = activations[name]
  return activation === "identity" && labels > 1 ? among : activation
}

function labelOf(
  raw: Readonly<Record<string, unknown>>,
  labels: number,
  wanted: string | number | undefined,
): PairHead["label"] {
  const given = (raw.id2label ?? {}) as Readonly<Record<string, unknown>>
  const names = Array.from({ length: labels }, (_, index) => {
    const name = Object.hasOwn(given, index) ? given[index] : undefined
    return typeof name === "string" ? name : `LABEL_${index}`
  })
  const at = (index: number) => ({ index, name: names[index] })
  const plain = names.map((name) => name.toLowerCase().trim())
  if (wanted !== undefined) {
    const index = typeof wanted === "number" ? wanted : plain.indexOf(wanted.toLowerCase().trim())
    if (names[index] === undefined)
      throw new RankineError("argument", `the model has no label ${wanted}; it has ${names.join(", ")}`)
    return at(index)
  }
  if (labels === 1) return at(0)
  if (labels === 2) {
    const found = plain.filter((name) => positive.has(name))
    if (found.length === 1) return at(plain.indexOf(found[0]))
    if (plain[0] === "label_0" && plain[1] === "label_1") return at(1)
  }
  throw new RankineError(
    "model",
    `the model has the labels ${names.join(", ")}: say with label which of them means that a document is relevant`,
  )
}
