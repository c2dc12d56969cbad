import type { Command } from "commander"
import type { Verification } from "../../models/verify/index.js"
import type { CliContext } from "../context.js"
import { oneOf, wholeNumber } from "../parse.js"
import { formatTable } from "../table.js"

interface VerifyFlags {
  readonly device?: "auto" | "cpu" | "cuda" | "webgpu"
  readonly threads?: number
  readonly json?: true
}

/** The exit code of a model that computes something else than its reference: that of failed models. */
const DEVIATES = 6

export function addVerifyCommand(program: Command, context: CliContext): void {
  program
    .command("verify")
    .summary("check a model's numbers against its reference")
    .description(
      "Recomputes logits, loss, gradients of an adapter and five steps of AdamW, and compares them with the reference.safetensors " +
        "beside the model. Where there is none, one is written from what is computed, for later runs to be compared with.",
    )
    .argument("<model>", "a folder with config.json and safetensors, or a GGUF file")
    .option("--device <name>", "auto, cpu, cuda or webgpu (cpu)", oneOf(["auto", "cpu", "cuda", "webgpu"]))
    .option("--threads <n>", "threads to compute with (the physical cores)", wholeNumber(1))
    .option("--json", "print deviations and tolerances as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  rankine verify models/SmolLM2-135M-Instruct\n  rankine verify model.gguf --json",
    )
    .action(async (model: string, flags: VerifyFlags) => {
      const { verifyModel } = await import("../../models/verify/index.js")
      const found = await verifyModel(model, {
        ...(flags.device === undefined ? {} : { device: flags.device }),
        ...(flags.threads === undefined ? {} : { threads: flags.threads }),
      })
      if (!found.ok) context.exitCode = DEVIATES
      if (flags.json) return context.json(asJson(found))
      print(context, found)
    })
}

/** Infinity is no JSON: what is not judged has no tolerance. */
function asJson({ float32Tolerances, ...found }: Verification): unknown {
  const { steps: _, ...judged } = float32Tolerances
  const { logits, adapterLogits, loss, gradients, steps, ok, ...rest } = found
  return { logits, adapterLogits, loss, gradients, steps, ok, ...rest, float32Tolerances: judged }
}

const parts = {
  logits: "logits",
  adapterLogits: "logits with adapter",
  loss: "loss",
  gradients: "gradients (of the largest)",
  steps: "adapter after five steps",
} as const

function print(context: CliContext, found: Verification): void {
  const { style } = context
  const number = (value: number | null) => (value === null ? "none" : value === 0 ? "0" : value.toExponential(1))
  const rows = Object.entries(parts).map(([part, title]) => {
    const name = part as keyof typeof parts
    const verdict = found[name] === null ? "" : found.failed.includes(name) ? style.red("differs") : "agrees"
    return [title, number(found[name]), number(found.tolerances[name]), number(found.float32[name]), verdict]
  })
  const right = (title: string) => ({ title, align: "right" as const })
  context.print(
    formatTable(
      context,
      ["largest deviation", right(found.arithmetic), right("tolerance"), right("float32"), ""],
      rows,
    ),
  )
  if (found.written) context.note(`There was no reference: ${found.reference} was written from these numbers.`)
  if (found.leftOutElements > 0)
    context.note(
      style.dim(
        `${found.leftOutElements} elements with next to no gradient are left out of the comparison after five steps.`,
      ),
    )
  for (const part of found.failed)
    if (found.where[part] !== undefined) context.note(`${parts[part]}: furthest off in ${found.where[part]}`)
}
