import { RankineError } from "../core/errors.js"
import type { Analyzer, AnalyzerSpec } from "./analyzer.js"
import { CharacterSegmenter, isJavaWhitespace, isLetter } from "./character-segmenter.js"
import { CjkSegmenter, normalizeCjk } from "./cjk.js"
import { normalizeEnglish } from "./english.js"
import { lowerCase } from "./lower-case.js"
import { PieceAnalyzer } from "./piece-analyzer.js"
import { normalizeSnowball, snowballLanguages } from "./snowball.js"
import { StandardTokenizer } from "./standard-tokenizer.js"
import { cjkStopWords, englishStopWords, stopWordsOf } from "./stop-words.js"

/** What an analyzer is built from: the options that its name allows, and the builder. */
interface Kind {
  readonly options: readonly string[]
  build(spec: AnalyzerSpec): Analyzer
}

const none: ReadonlySet<string> = new Set()

const kinds: Readonly<Record<string, Kind>> = {
  english: {
    options: ["stopWords"],
    build: (spec) =>
      new PieceAnalyzer(spec, new StandardTokenizer(), normalizeEnglish(readStopWords(spec, englishStopWords))),
  },
  standard: {
    options: ["stopWords"],
    build: (spec) => {
      const stopWords = readStopWords(spec, none)
      return new PieceAnalyzer(spec, new StandardTokenizer(), (piece) => {
        const word = lowerCase(piece)
        return stopWords.has(word) ? undefined : word
      })
    },
  },
  snowball: {
    options: ["language", "stopWords"],
    build: (spec) => {
      const language = spec.language
      if (typeof language !== "string" || !snowballLanguages().includes(language))
        throw new RankineError(
          "argument",
          `the analyzer "snowball" needs a language out of: ${snowballLanguages().join(", ")}; got ${JSON.stringify(language)}`,
        )
      const stopWords = readStopWords(spec, stopWordsOf(language))
      return new PieceAnalyzer(spec, new StandardTokenizer(), normalizeSnowball(language, stopWords))
    },
  },
  cjk: {
    options: ["stopWords"],
    build: (spec) => new PieceAnalyzer(spec, new CjkSegmenter(), normalizeCjk(readStopWords(spec, cjkStopWords))),
  },
  simple: {
    options: [],
    build: (spec) => new PieceAnalyzer(spec, new CharacterSegmenter(isLetter), lowerCase),
  },
  whitespace: {
    options: [],
    build: (spec) =>
      new PieceAnalyzer(spec, new CharacterSegmenter((code) => !isJavaWhitespace(code)), (piece) => piece),
  },
}

/** The names that `createAnalyzer` knows: the kinds, and languages as short forms of `snowball`. */
export function analyzerNames(): string[] {
  return [...new Set([...Object.keys(kinds), ...snowballLanguages()])]
}

/**
 * An analyzer by name or by its stored specification.
 *
 * - `english`: Lucene's EnglishAnalyzer, term for term. `standard`: its words in lower case, all of them.
 * - `snowball` with `language`, or the language's name alone (`german`): words, stop words, Snowball stemmer.
 * - `cjk`: Lucene's CJKAnalyzer. `simple`: runs of letters in lower case. `whitespace`: what stands between white space.
 *
 * `stopWords` (a list of words in lower case, or false for none) replaces the stop list of the first four.
 * The analyzer's `spec` is plain data that makes the same analyzer again.
 *
 * @throws RankineError `argument` for a name, a language or an option that does not exist
 */
export function createAnalyzer(spec: string | AnalyzerSpec): Analyzer {
  const given: AnalyzerSpec = typeof spec === "string" ? { name: spec } : spec
  if (Object.hasOwn(kinds, given.name)) {
    const kind = kinds[given.name]
    const unknown = Object.keys(given).filter((key) => key !== "name" && !kind.options.includes(key))
    if (unknown.length > 0)
      throw new RankineError(
        "argument",
        `the analyzer "${given.name}" has no option ${unknown.join(", ")}; its options: ${kind.options.join(", ") || "none"}`,
      )
    return kind.build(structuredClone(given))
  }
  if (snowballLanguages().includes(given.name)) {
    if (given.language !== undefined)
      throw new RankineError("argument", `the analyzer "${given.name}" has no option language: its name says it`)
    return createAnalyzer({ ...given, name: "snowball", language: given.name })
  }
  throw new RankineError(
    "argument",
    `there is no analyzer ${JSON.stringify(given.name)}; there are: ${analyzerNames().join(", ")}`,
  )
}

function readStopWords(spec: AnalyzerSpec, usual: ReadonlySet<string>): ReadonlySet<string> {
  const words = spec.stopWords
  if (words === undefined) return usual
  if (words === false) return none
  if (Array.isArray(words) && words.every((word): word is string => typeof word === "string")) return new Set(words)
  throw new RankineError("argument", `stopWords of the analyzer "${spec.name}" must be a list of words, or false`)
}
