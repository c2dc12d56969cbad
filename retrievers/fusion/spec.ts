import { RankineError, type ScoreKind } from "../../src/core/index.js"
import {
  type FusionMethod,
  type FusionParameters,
  fusedScoreKind,
  type ParameterName,
  parameterDefaults,
} from "./method.js"
import { type FusionMethodName, fusionMethodNames, fusionMethods } from "./methods/index.js"
import { type Normalisation, normalisationNames, normalisations } from "./normalise.js"

/** How lists are fused. Default: RRF with k 60. */
export interface FusionSpec extends FusionParameters {
  /**
   * Fused scores s of at least 0 become s / (s + saturation), which lies in [0, 1) and keeps the order: for callers that want a bounded
   * score. Without it they stay as they are.
   */
  readonly saturation?: number
  readonly method?: FusionMethodName
  /** For methods that read scores. Default `min-max`. */
  readonly norm?: Normalisation
  /** One per list, at least 0, not all 0; for rrf, rbc, wsum, wmnz, dbsf, borda and condorcet. Default: all 1. */
  readonly weights?: readonly number[]
}

/** A spec with every value in place, checked. */
export interface ResolvedSpec {
  readonly method: FusionMethod
  readonly name: FusionMethodName
  readonly norm: Normalisation
  readonly weights: readonly number[]
  readonly parameters: Required<FusionParameters>
  readonly saturation: number | undefined
  /** True where the fused scores depend on the lists' scores and not only on their order. */
  readonly readsScores: boolean
}

const ranges: Record<ParameterName, [test: (value: number) => boolean, text: string]> = {
  k: [(value) => value >= 0 && Number.isFinite(value), "a number of at least 0"],
  phi: [(value) => value > 0 && value < 1, "a number between 0 and 1"],
  gamma: [(value) => Number.isFinite(value), "a finite number"],
  sigma: [(value) => value >= 0 && value <= 1, "a number from 0 to 1"],
}

/** Checks a spec against the number of lists it is for. Throws `argument`, naming what is allowed. */
export function resolveSpec(spec: FusionSpec, lists: number): ResolvedSpec {
  const name = spec.method ?? "rrf"
  if (!Object.hasOwn(fusionMethods, name))
    throw new RankineError("argument", `unknown fusion method "${name}": use one of ${fusionMethodNames.join(", ")}`)
  const method: FusionMethod = fusionMethods[name]
  if (spec.norm !== undefined && !Object.hasOwn(normalisations, spec.norm))
    throw new RankineError("argument", `unknown normalisation "${spec.norm}": use ${normalisationNames.join(", ")}`)
  if (spec.norm !== undefined && spec.norm !== "none" && !method.normalised)
    throw new RankineError("argument", `${name} takes no normalisation (norm: "${spec.norm}"): leave it out`)
  for (const parameter of Object.keys(ranges) as ParameterName[]) {
    const value = spec[parameter]
    if (value === undefined) continue
    if (!method.parameters.includes(parameter))
      throw new RankineError("argument", `${name} has no parameter "${parameter}": leave it out`)
    const [test, text] = ranges[parameter]
    if (!test(value)) throw new RankineError("argument", `${parameter} of ${name} must be ${text}, got ${value}`)
  }
  const { saturation } = spec
  if (saturation !== undefined && !(saturation > 0 && Number.isFinite(saturation)))
    throw new RankineError("argument", `saturation must be a number above 0, got ${saturation}`)
  if (saturation !== undefined && method.input !== "scores")
    throw new RankineError("argument", `${name} fuses by rank, whose scores only carry an order: leave saturation out`)
  const norm = spec.norm ?? (method.normalised ? "min-max" : "none")
  return {
    method,
    name,
    norm,
    weights: resolveWeights(spec.weights, method, lists),
    parameters: {
      k: spec.k ?? parameterDefaults.k,
      phi: spec.phi ?? parameterDefaults.phi,
      gamma: spec.gamma ?? parameterDefaults.gamma,
      sigma: spec.sigma ?? parameterDefaults.sigma,
    },
    saturation,
    readsScores: method.input === "scores" && norm !== "rank" && norm !== "borda",
  }
}

function resolveWeights(
  weights: readonly number[] | undefined,
  method: FusionMethod,
  lists: number,
): readonly number[] {
  if (weights === undefined) return new Array<number>(lists).fill(1)
  if (!method.weighted)
    throw new RankineError(
      "argument",
      `${method.name} takes no weights: use ${method.input === "ranks" ? "rrf, rbc, borda or condorcet" : "wsum or wmnz"}`,
    )
  if (weights.length !== lists)
    throw new RankineError(
      "argument",
      `${weights.length} weights for ${lists} lists: give one per list, in their order`,
    )
  if (!weights.every((weight) => Number.isFinite(weight) && weight >= 0) || weights.every((weight) => weight === 0))
    throw new RankineError("argument", `weights must be finite, at least 0 and not all 0, got ${weights.join(", ")}`)
  return weights
}

/** Throws `score-kind` where scores would be fused that only carry an order. */
export function checkScoreKinds(spec: ResolvedSpec, kinds: readonly ScoreKind[], names: readonly string[]): void {
  if (!spec.readsScores) return
  const list = kinds.indexOf("ordinal")
  if (list === -1) return
  throw new RankineError(
    "score-kind",
    `${spec.name} reads scores, and those of ${names[list] ?? `list ${list + 1}`} only carry an order: ` +
      "fuse by rank (rrf, borda, condorcet, interleave), or with norm rank or borda",
  )
}

/** The kind of the scores that a spec makes of lists of these kinds. */
export function scoreKindOf(spec: ResolvedSpec, kinds: readonly ScoreKind[]): ScoreKind {
  return fusedScoreKind(spec.method, spec.norm, kinds)
}
