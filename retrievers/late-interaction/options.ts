/** What a late-interaction index can be told, checked once. @module */
import { RankineError } from "../../src/core/errors.js"

/** How token vectors are kept: float32; a signed byte for each number; or a centroid and 2 or 4 bits for each number. */
export const compressions = ["none", "int8", "residual-2", "residual-4"] as const
export type Compression = (typeof compressions)[number]

/** `pruned` scores candidates that centroids propose (PLAID); `exhaustive` scores every document. */
export type SearchStrategy = "pruned" | "exhaustive"

/** How candidates are found. More of each finds more and takes longer. */
export interface LateInteractionSearch {
  /** Default `pruned`. */
  readonly strategy?: SearchStrategy
  /** Centroids near each of the query's tokens whose documents are candidates. Default 4. */
  readonly probes?: number
  /** Candidates that are scored exactly, at least as many as are to be returned; so many documents or fewer are all scored. Default 1024. */
  readonly candidates?: number
  /**
   * Candidates are first thinned out to four times as many by the centroids whose product with one of the query's tokens is at least this
   * large. Default: none, all centroids count. ColBERTv2 is used with 0.4 to 0.5.
   */
  readonly threshold?: number
}

/** How an index is built. */
export interface LateInteractionSettings extends LateInteractionSearch {
  /** Default `residual-4`. */
  readonly compression?: Compression
  /** Number of centroids. Default: the power of two at or below four times the square root of the number of tokens, at most 4096. */
  readonly centroids?: number
  /** Passes of k-means. Default 4. */
  readonly iterations?: number
  /** Of the sample of documents that centroids are made from, and of the first centroids. Default 0. */
  readonly seed?: number
}

export type ResolvedSearch = Required<Omit<LateInteractionSearch, "threshold">> & { readonly threshold?: number }

/** The choices of a call over those of the index. Throws `argument` for values out of range. */
export function resolveSearch(...given: readonly LateInteractionSearch[]): ResolvedSearch {
  const merged: LateInteractionSearch = Object.assign({}, ...given)
  const { strategy = "pruned", probes = 4, candidates = 1024, threshold } = merged
  if (strategy !== "pruned" && strategy !== "exhaustive")
    throw new RankineError("argument", `strategy must be "pruned" or "exhaustive", got ${JSON.stringify(strategy)}`)
  requireWhole("probes", probes)
  requireWhole("candidates", candidates)
  if (threshold !== undefined && !Number.isFinite(threshold))
    throw new RankineError("argument", `threshold must be a number, got ${threshold}`)
  return { strategy, probes, candidates, ...(threshold === undefined ? {} : { threshold }) }
}

export interface ResolvedSettings {
  readonly compression: Compression
  readonly centroids: number | undefined
  readonly iterations: number
  readonly seed: number
}

/** Throws `argument` for values out of range. */
export function resolveSettings(settings: LateInteractionSettings): ResolvedSettings {
  const { compression = "residual-4", centroids, iterations = 4, seed = 0 } = settings
  if (!compressions.includes(compression))
    throw new RankineError(
      "argument",
      `compression must be one of ${compressions.join(", ")}, got ${JSON.stringify(compression)}`,
    )
  if (centroids !== undefined) requireWhole("centroids", centroids)
  requireWhole("iterations", iterations)
  if (!Number.isInteger(seed)) throw new RankineError("argument", `seed must be a whole number, got ${seed}`)
  return { compression, centroids, iterations, seed }
}

/** Most centroids by default: finding the nearest of them is what building an index takes, beside the model. */
const MOST_CENTROIDS = 4096

/** How many centroids a collection of so many tokens gets by default; ColBERTv2's rule with a quarter of its factor. */
export function defaultCentroids(tokens: number): number {
  return Math.min(MOST_CENTROIDS, 2 ** Math.floor(Math.log2(Math.max(1, 4 * Math.sqrt(tokens)))))
}

/** Throws `argument`. */
export function requireWhole(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw new RankineError("argument", `${name} must be a whole number above 0, got ${value}`)
}
