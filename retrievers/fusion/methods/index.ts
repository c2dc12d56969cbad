/** All fusion methods by name. @module */
import type { FusionMethod } from "../method.js"
import { borda } from "./borda.js"
import { combAnz } from "./combanz.js"
import { combGmnz } from "./combgmnz.js"
import { combMax } from "./combmax.js"
import { combMed } from "./combmed.js"
import { combMin } from "./combmin.js"
import { combMnz } from "./combmnz.js"
import { combSum } from "./combsum.js"
import { condorcet } from "./condorcet.js"
import { dbsf } from "./dbsf.js"
import { interleave } from "./interleave.js"
import { isr, logIsr, logNIsr } from "./isr.js"
import { rbc } from "./rbc.js"
import { rrf } from "./rrf.js"
import { wsum } from "./weighted-sum.js"
import { wmnz } from "./wmnz.js"

export const fusionMethods = {
  rrf,
  isr,
  "log-isr": logIsr,
  "logn-isr": logNIsr,
  rbc,
  wsum,
  wmnz,
  combsum: combSum,
  combmin: combMin,
  combmax: combMax,
  combmed: combMed,
  combanz: combAnz,
  combmnz: combMnz,
  combgmnz: combGmnz,
  dbsf,
  borda,
  condorcet,
  interleave,
} as const satisfies Record<string, FusionMethod>

export type FusionMethodName = keyof typeof fusionMethods
export const fusionMethodNames = Object.keys(fusionMethods) as FusionMethodName[]
