/** Analyzers: from text to terms. @module */
export type { Analyzer, AnalyzerSpec, Token } from "./analyzer.js"
export { analyzerNames, createAnalyzer } from "./create-analyzer.js"
export { lowerCase } from "./lower-case.js"
export { porterStem } from "./porter.js"
export { snowballLanguages } from "./snowball.js"
export { maxTokenLength, StandardTokenizer } from "./standard-tokenizer.js"
export { cjkStopWords, englishStopWords, stopWordsOf } from "./stop-words.js"
