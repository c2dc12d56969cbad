import type { Command } from "commander"
import { exitCodes } from "../../core/index.js"
import type { CliContext } from "../context.js"

export function addDoctorCommand(program: Command, context: CliContext): void {
  program
    .command("doctor")
    .summary("check this machine and say what to type for what is missing")
    .description(
      "Checks Node.js, WebAssembly SIMD, the optional packages, caches and disk space, and says what to type for what is missing.\n" +
        "Exit code 3 where something is wrong; a missing optional package is no error.",
    )
    .option("--json", "print the checks as JSON")
    .addHelpText("after", "\nExample:\n  rankine doctor")
    .action(async ({ json }: { json?: true }) => {
      const [{ examine }, { cacheDirectory }] = await Promise.all([
        import("../doctor.js"),
        import("../../../datasets/index.js"),
      ])
      const checks = await examine(cacheDirectory())
      const wrong = checks.some(({ status }) => status === "problem")
      if (wrong) context.exitCode = exitCodes.dependency
      if (json) return context.json({ ok: !wrong, checks })
      const { style } = context
      const marks = { ok: style.green("✓"), missing: style.yellow("–"), problem: style.red("✗") }
      for (const { name, status, detail, remedy } of checks) {
        context.print(`${marks[status]} ${style.bold(name)}: ${detail}`)
        if (remedy) context.print(`    → ${remedy}`)
      }
    })
}
