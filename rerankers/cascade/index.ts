/** Rerankers in stages under one budget. @module */
export { type EchoAnswer, type EchoQuestion, type EchoSettings, echoProgram } from "./echo-program.js"
export { type EchoRankOptions, echoRank } from "./echo-rank.js"
