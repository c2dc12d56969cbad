/** Reverse-mode differentiation of graphs. @module */
export { type GradientOptions, type Gradients, gradients } from "./gradients.js"
export { checkpoint } from "./recompute.js"
