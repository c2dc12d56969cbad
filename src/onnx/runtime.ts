/** Finds onnxruntime-node for the workers; the main thread never loads it. @module */
import { createRequire } from "node:module"
import { RankineError } from "../core/errors.js"
import { loadOptional, optionalPackages } from "../core/optional.js"

/** The file that a worker requires. Throws `dependency` with the command to type where the package is not installed. */
export async function findRuntime(): Promise<string> {
  try {
    return createRequire(import.meta.url).resolve("onnxruntime-node")
  } catch (cause) {
    // The one place that words this error; it throws unless another loader finds what `resolve` did not.
    await loadOptional("onnxruntime-node")
    throw unloadable(cause)
  }
}

/** The package is there, yet a worker could not load it: a binary for another system, a missing system library. */
export function unloadable(cause: unknown): RankineError {
  const { install } = optionalPackages["onnxruntime-node"]
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new RankineError(
    "dependency",
    `onnxruntime-node could not be loaded (${reason}). Install it again: ${install}`,
    {
      cause,
      details: { package: "onnxruntime-node", install },
    },
  )
}
