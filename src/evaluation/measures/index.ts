/** Measures: one per file, parsed from strings such as `nDCG@10`. @module */
export type { Gains, JudgedRanking, Measure, MeasureDefinition, MeasureParameters } from "./measure.js"
export { createMeasure, formatMeasure, parseMeasure, parseMeasures } from "./parse.js"
export { measureDefinitions } from "./table.js"
