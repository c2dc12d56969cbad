import { picking } from "./combmed.js"

/** CombMIN: the lowest score over the lists that hold the document. Fox and Shaw, TREC-2, 1993. */
export const combMin = picking("combmin", () => [0])
