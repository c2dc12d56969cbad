/** What a BM25 index can be told. @module */
import type { AnalyzerSpec } from "../../src/text/analyzer.js"

/**
 * How term frequency, length and rarity become a score.
 * - `lucene`: Lucene 8 and later (idf = ln(1 + (N - df + 0.5) / (df + 0.5)), no factor k1 + 1). The default.
 * - `robertson`: Robertson's original idf (terms in over half of the documents count 0 instead of less), factor k1 + 1.
 * - `atire`: idf = ln(N / df), factor k1 + 1 (Trotman et al., 2014).
 * - `bm25l`, `bm25+`: Lv and Zhai, 2011, with `delta` (0.5 and 1).
 */
export type Bm25Variant = "lucene" | "robertson" | "atire" | "bm25l" | "bm25+"

export interface Bm25Options {
  /** A name such as `english`, or a spec with options. Default `english`: Lucene's EnglishAnalyzer. */
  readonly analyzer?: string | AnalyzerSpec
  readonly variant?: Bm25Variant
  /** `lucene` keeps document lengths in one byte, as Lucene does; `exact` keeps them whole. */
  readonly norm?: "lucene" | "exact"
  /** Default 0.9. */
  readonly k1?: number
  /** Default 0.4. */
  readonly b?: number
  readonly delta?: number
  /**
   * Weights of separately scored fields, such as `{ title: 2, text: 1 }`; the names are `title`, `text` or those of `Document.fields`.
   * Without it, title and text are one field.
   */
  readonly fields?: Readonly<Record<string, number>>
  /** Saturates repeated query terms too (BM25 on the query's side), for long queries such as BRIGHT's. */
  readonly querySide?: boolean
  /** Keep the documents, so that hits can be shown and filtered. Default true. */
  readonly storeDocuments?: boolean
}
