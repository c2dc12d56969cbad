import type { Command } from "commander"
import type { Description } from "../../core/index.js"
import type { CliContext } from "../context.js"

export function addDescribeCommand(program: Command, context: CliContext): void {
  program
    .command("describe")
    .summary("show what a pipeline does, with every parameter")
    .description("Checks a pipeline file and shows its stages with every parameter, those that it leaves out included.")
    .argument("[pipeline]", "a short name or a pipeline file")
    .option("--schema", "print the JSON Schema of pipeline files, for editors")
    .option("--json", "print the description as JSON")
    .addHelpText("after", "\nExamples:\n  rankine describe bm25\n  rankine describe hybrid.yaml --json")
    .action(async (name: string | undefined, flags: { schema?: true; json?: true }) => {
      const { pipelineJsonSchema, pipelineNames, renderDescription } = await import("../../pipelines/index.js")
      if (flags.schema) return context.json(pipelineJsonSchema())
      if (name === undefined) {
        const names = pipelineNames()
        return flags.json ? context.json(names) : context.print(`Short names: ${names.join(", ")}`)
      }
      const { namePipeline } = await import("../pipeline.js")
      const pipeline = await namePipeline(name)
      // Built over a single document, every part tells its own defaults; only their number of documents means nothing.
      const built = await pipeline.build({
        documents: async function* () {
          yield { id: "example", text: "example" }
        },
        signal: context.signal,
      })
      const description = withoutCounts(built.describe()) as Description
      if (flags.json) return context.json(description)
      context.print(renderDescription(description))
    })
}

function withoutCounts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutCounts)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, part]) => !(key === "documents" && typeof part === "number"))
      .map(([key, part]) => [key, withoutCounts(part)]),
  )
}
