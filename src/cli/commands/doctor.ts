import { type Command, Option } from "commander"
import { exitCodes } from "../../core/index.js"
import type { ModelCheck } from "../../models/open-model-check.js"
import type { CliContext } from "../context.js"
import type { Check } from "../doctor.js"

interface DoctorFlags {
  readonly json?: true
  readonly model?: string
  readonly models?: true
  readonly weights?: "auto" | "safetensors" | "onnx"
  readonly device?: "auto" | "cpu" | "cuda" | "webgpu"
}

export function addDoctorCommand(program: Command, context: CliContext): void {
  program
    .command("doctor")
    .summary("check this machine and its models, and say what to do about what is wrong")
    .description(
      "Checks Node.js, WebAssembly SIMD, the optional packages, caches and disk space, lists the models on this machine, and says\n" +
        "what to type for what is missing. With --model, loads one model and checks its files and its numbers.\n" +
        "Exit code 3 where something is wrong with the machine; a missing optional package is no error. For a model that is wrong the\n" +
        "code is that of its fault: 4 not there, 5 damaged, 6 wrong numbers.",
    )
    .option("--model <name>", "load this model (a folder, or a name) and check it")
    .option("--models", "load and check every model on this machine whose numbers are known")
    .addOption(
      new Option("--weights <kind>", "which weights of the model to check").choices(["auto", "safetensors", "onnx"]),
    )
    .addOption(
      new Option("--device <name>", "where to run the model; its numbers are compared with the CPU's").choices([
        "auto",
        "cpu",
        "cuda",
        "webgpu",
      ]),
    )
    .option("--json", "print the checks as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  rankine doctor\n  rankine doctor --model all-MiniLM-L6-v2\n  rankine doctor --model splade-tiny --device webgpu\n  rankine doctor --models --json",
    )
    .action(async (flags: DoctorFlags) => {
      if (flags.model !== undefined) {
        const { checkModel } = await import("../../models/open-model-check.js")
        // A check looks at what is there, and changes nothing.
        const options = {
          download: false,
          ...(flags.weights === undefined ? {} : { weights: flags.weights }),
          ...(flags.device === undefined ? {} : { device: flags.device }),
        }
        reportModels(context, [await checkModel(flags.model, options)], flags)
        return
      }
      const { checkKnownModels, examine, listModels } = await import("../doctor.js")
      if (flags.models) {
        reportModels(context, await checkKnownModels(), flags)
        return
      }
      const { cacheDirectory } = await import("../../../datasets/index.js")
      reportMachine(context, [...(await examine(cacheDirectory())), ...(await listModels())], flags)
    })
}

function reportMachine(context: CliContext, checks: readonly Check[], { json }: DoctorFlags): void {
  const wrong = checks.some(({ status }) => status === "problem")
  if (wrong) context.exitCode = exitCodes.dependency
  if (json) {
    context.json({ ok: !wrong, checks })
    return
  }
  const { style } = context
  const marks = { ok: style.green("✓"), missing: style.yellow("–"), problem: style.red("✗") }
  for (const { name, status, detail, remedy } of checks) {
    context.print(`${marks[status]} ${style.bold(name)}: ${detail}`)
    if (remedy) context.print(`    → ${remedy}`)
  }
}

function reportModels(context: CliContext, checks: readonly ModelCheck[], { json }: DoctorFlags): void {
  const problem = checks.flatMap(({ findings }) => findings).find(({ status }) => status === "problem")
  if (problem) context.exitCode = exitCodes[problem.code ?? "model"]
  if (json) {
    const models = checks.map(({ info, ok, findings, seconds }) => {
      const { name, folder, kind, reason, architecture } = info
      return {
        name,
        folder,
        kind,
        reason,
        ...(architecture === undefined ? {} : { architecture }),
        ok,
        findings,
        seconds,
      }
    })
    context.json({ ok: !problem, models })
    return
  }
  const { style } = context
  if (checks.length === 0) context.print("No model on this machine has numbers in the registry.")
  for (const { info, ok, findings, seconds } of checks) {
    const verdict = ok ? style.green("ok") : style.red("not right")
    context.print(`${style.bold(info.name)}: ${verdict} (${info.kind}, ${info.folder}, ${seconds.toFixed(1)} s)`)
    for (const { status, what, remedy } of findings) {
      context.print(`  ${status === "ok" ? style.green("✓") : style.red("✗")} ${what}`)
      if (remedy) context.print(`      → ${remedy}`)
    }
  }
}
