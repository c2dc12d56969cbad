import { averagePrecision } from "./ap.js"
import { bpref } from "./bpref.js"
import { expectedReciprocalRank } from "./err.js"
import { hole } from "./hole.js"
import { judged } from "./judged.js"
import type { MeasureDefinition } from "./measure.js"
import { ndcg } from "./ndcg.js"
import { precision } from "./precision.js"
import { rankBiasedPrecision } from "./rbp.js"
import { recall } from "./recall.js"
import { recallCap } from "./recall-cap.js"
import { rPrecision } from "./rprec.js"
import { reciprocalRank } from "./rr.js"
import { success } from "./success.js"

/** Every measure there is. */
export const measureDefinitions: readonly MeasureDefinition[] = [
  ndcg,
  averagePrecision,
  reciprocalRank,
  precision,
  recall,
  recallCap,
  success,
  rPrecision,
  bpref,
  rankBiasedPrecision,
  expectedReciprocalRank,
  judged,
  hole,
]
