/** Reverse-mode differentiation of graphs. @module */
export { type CrossEntropy, chunkedCrossEntropy, NO_LABEL } from "./cross-entropy.js"
export { type GradientOptions, type Gradients, gradients } from "./gradients.js"
export { logProbabilities, lowerLogProbabilities, type TokenChoice } from "./log-probabilities.js"
export { checkpoint } from "./recompute.js"
