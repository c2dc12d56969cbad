/** How queries were answered, and what was tolerated, in words. @module */
import type { Warning } from "../core/index.js"
import type { StatusCounts } from "../evaluation/index.js"
import type { CliContext } from "./context.js"
import { formatCount, plural } from "./format.js"

/** `300 ranked`, or `298 ranked, 2 failed`: only what happened. */
export function formatStatus(status: StatusCounts): string {
  const parts = (["ranked", "partial", "fallback", "failed", "unanswered"] as const)
    .filter((name) => status[name] > 0)
    .map((name) => `${formatCount(status[name])} ${name}`)
  return parts.join(", ") || "none"
}

/** Whether the command finished, yet not with everything that was asked for: exit code 7. */
export function isPartial(status: StatusCounts): boolean {
  return status.partial > 0 || status.failed > 0
}

/** One line per kind of warning, the first few ids named. */
export function printWarnings(context: CliContext, warnings: readonly Warning[]): void {
  for (const { code, count, ids } of warnings) {
    const shown = ids?.slice(0, 3).join(", ")
    const some = shown ? `: ${shown}${ids!.length > 3 ? ", …" : ""}` : ""
    context.note(`${context.style.yellow("warning")} ${code} (${plural(count, "time")})${some}`)
  }
}

/** Warnings as results carry them: how often, without the ids. */
export function countsOf(warnings: readonly Warning[]): { code: string; count: number }[] {
  return warnings.map(({ code, count }) => ({ code, count }))
}
