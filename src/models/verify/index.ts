/** Does the engine compute a model as its reference says? @module */
export { type Deviations, TOLERANCES } from "./compare.js"
export { type Verification, type VerifyOptions, verifyModel } from "./verify.js"
