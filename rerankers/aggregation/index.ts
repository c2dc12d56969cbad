/** From chunks to the documents they were cut from. @module */
export * from "./aggregate.js"
