/** Significance: paired t-test, randomisation test, Holm's correction, confidence intervals. @module */
export { holm } from "./holm.js"
export { type Interval, type IntervalOptions, meanInterval, percentile, studentQuantile } from "./intervals.js"
export { type RandomisationTest, randomisationTest } from "./randomisation.js"
export { pairedTTest, type TTest } from "./t-test.js"
