import type * as z from "zod"
import { registerBuiltInParts } from "./parts/index.js"
import * as schema from "./schema.js"

/** The zod schema of a pipeline file, with all parts registered so far. */
export function pipelineSchema(): z.ZodType<{ pipeline: schema.PipelineSpec }> {
  registerBuiltInParts()
  return schema.pipelineSchema()
}

/** The same as JSON Schema (draft 2020-12), for editors: `# yaml-language-server: $schema=pipeline.schema.json`. */
export function pipelineJsonSchema(): Record<string, unknown> {
  registerBuiltInParts()
  return schema.pipelineJsonSchema()
}
