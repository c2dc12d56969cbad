/** Sorts that ask for the best of a few documents at a time. @module */
export * from "./asking.js"
export * from "./bubble-sort.js"
export * from "./heapsort.js"
