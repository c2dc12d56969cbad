/** English analysis for engines that take functions: Lucene's stop words (EnglishAnalyzer) and Porter's stemmer. @module */

export const stopWords = new Set(
  (
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this " +
    "to was will with"
  ).split(" "),
)
