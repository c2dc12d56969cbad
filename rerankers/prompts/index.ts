/** Prompts as data: files, rendering, reading answers, and models behind them. @module */
export * from "./load-prompt.js"
export * from "./permutation.js"
export * from "./prompt.js"
export * from "./prompt-oracle.js"
export type { PromptFile } from "./schema.js"
export { cutTokens, type TextLimits } from "./task-texts.js"
