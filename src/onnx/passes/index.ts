/** Rewriting whole graphs. @module */
export { withoutRepetitions } from "./common-subexpressions.js"
export { withoutDeadCode } from "./dead-code.js"
export { foldConstants } from "./fold-constants.js"
export { upgradeModel } from "./upgrade.js"
