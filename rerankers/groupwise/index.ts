/** Rerankers that score groups of documents. @module */
export { type GroupScores, groupScores, type StrictGroupScores, strictGroupScores } from "./group-scores.js"
export { type GroupRankOptions, groupRank } from "./grouprank.js"
export { type GroupOptions, groupProgram, paperFusion } from "./groups.js"
export { ScoreBoard } from "./score-board.js"
