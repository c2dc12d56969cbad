/** The kinds of questions that reranking programs ask. Documents are positions among the task's hits. @module */

/** How relevant is this document? The answer is a score, higher is better. */
export interface PointwiseQuestion {
  readonly document: number
}

/** Which of the two is more relevant? `first` is shown first. The answer is how much the first is preferred, in [0, 1]; undefined where nothing can be read. */
export interface PairwiseQuestion {
  readonly first: number
  readonly second: number
}
export interface PairwiseAnswer {
  readonly preference: number | undefined
}

/** Which of these is the most relevant? Shown in this order. */
export interface SetwiseQuestion {
  readonly documents: readonly number[]
}
export interface SetwiseAnswer {
  /** A position among `documents` of the question; undefined where nothing can be read. */
  readonly best: number | undefined
  /** Of each document, where the model's likelihoods were read. */
  readonly likelihoods?: readonly number[]
}

/** In what order are these? */
export interface ListwiseQuestion {
  readonly documents: readonly number[]
}
export interface ListwiseAnswer {
  /** A permutation of the positions among `documents` of the question, the best first. */
  readonly order: readonly number[]
}

/** Which `count` of these are the most relevant? */
export interface SelectQuestion {
  readonly documents: readonly number[]
  readonly count: number
}
export interface SelectAnswer {
  /** Positions among `documents` of the question, at most `count`, the best first where the model says so. */
  readonly selected: readonly number[]
}

/** How relevant is each of these? */
export interface GroupwiseQuestion {
  readonly documents: readonly number[]
}
export interface GroupwiseAnswer {
  /** Of each document of the question; undefined for one that the model omitted. */
  readonly scores: readonly (number | undefined)[]
}
