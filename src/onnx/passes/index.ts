/** Rewriting whole graphs. @module */
export { withoutRepetitions } from "./common-subexpressions.js"
export { withoutDeadCode } from "./dead-code.js"
export { foldConstants } from "./fold-constants.js"
export { fuseSums } from "./fuse-sums.js"
export { masksAsSums } from "./masks-as-sums.js"
export { upgradeModel } from "./upgrade.js"
