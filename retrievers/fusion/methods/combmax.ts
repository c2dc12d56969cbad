import { picking } from "./combmed.js"

/** CombMAX: the highest score over the lists that hold the document. Fox and Shaw, TREC-2, 1993. */
export const combMax = picking("combmax", (lists) => [lists - 1])
