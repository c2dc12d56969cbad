import * as z from "zod"
import type { AnalyzerSpec } from "../../text/index.js"

/** A name, or an object with the name and its options. Which names there are is checked by the analyzers themselves. */
export const analyzerSchema: z.ZodType<string | AnalyzerSpec> = z.union([
  z.string().min(1),
  z.looseObject({ name: z.string().min(1) }),
])
