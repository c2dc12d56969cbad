/** Late interaction: retrieval by the vectors of tokens (ColBERT, PLAID). @module */
export * from "./late-interaction-index.js"
export { MaxSim, type MaxSimScore } from "./max-sim.js"
export {
  type Compression,
  compressions,
  type LateInteractionSearch,
  type LateInteractionSettings,
  type SearchStrategy,
} from "./options.js"
