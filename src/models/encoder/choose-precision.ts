/** Which precision a model is loaded in. @module */
import { RankineError } from "../../core/errors.js"
import { sharedPool } from "../../onnx/pool.js"
import type { SessionOptions } from "../../onnx/session.js"
import { isQuantized } from "../checkpoint/quantized.js"
import type { Checkpoint } from "../checkpoint/safetensors.js"
import type { Padding } from "./attention-form.js"
import { activationBits } from "./integer-kernels.js"
import { PRECISIONS, type Precision } from "./precision.js"

/**
 * The precision asked for; without one `fp32`, and `int8` for a checkpoint that has integers. `half`: compute in half precision, which
 * `fp16` means on a device that can. `activationBits`: what the processor multiplies exactly. `padding`: what the device's attention understands.
 * Throws `argument` for a precision that is none.
 */
export async function choosePrecision(
  asked: Precision | undefined,
  checkpoint: Checkpoint,
  { device = "auto", pool = sharedPool() }: Pick<SessionOptions, "device" | "pool">,
): Promise<{ precision: Precision; half: boolean; activationBits: 7 | 8; padding: Padding }> {
  const precision = asked ?? (isQuantized(checkpoint) ? "int8" : "fp32")
  if (!PRECISIONS.includes(precision))
    throw new RankineError(
      "argument",
      `precision ${JSON.stringify(asked)} is not supported: take one of ${PRECISIONS.join(", ")}`,
    )
  const chosen = device === "cpu" ? device : (await pool.device(device)).device
  const half = precision === "fp16" && chosen !== "cpu"
  return {
    precision,
    half,
    activationBits: precision === "int8" ? await activationBits(pool) : 8,
    padding: chosen === "webgpu" ? "bias" : "mask",
  }
}

/** Vectors of another precision are other vectors: what keeps them by checksum must not mix the two. */
export async function checksumIn(precision: Precision, checkpoint: Checkpoint): Promise<string> {
  const checksum = await checkpoint.checksum()
  return precision === "fp32" ? checksum : `${checksum}-${precision}`
}
