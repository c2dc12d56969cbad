/** Stages that remove repetitions and spread results: near-duplicate removal and maximal marginal relevance. @module */
export * from "./dedupe.js"
export * from "./mmr.js"
