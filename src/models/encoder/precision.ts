/** In how many bits an encoder keeps its weights and computes. @module */

/**
 * - `fp32`: weights are float32 while the model runs, whatever the checkpoint keeps.
 * - `fp16`: half precision on devices that compute in it (CUDA, WebGPU). A CPU rounds the weights to half precision and computes in
 *   float32: the results show what half precision costs, and neither time nor memory is saved.
 * - `int8`: weights are 8-bit integers with a scale for each output, and each token's activations are rounded to 8 bits with a scale of
 *   their own, so that no row's numbers depend on the rows beside it. Attention, norms and classification heads stay float32. The fast
 *   one on a CPU.
 * - `int8-weights`, `int4-weights`: weights in blocks of 8-bit or 4-bit integers, for memory rather than speed.
 */
export type Precision = "fp32" | "fp16" | "int8" | "int8-weights" | "int4-weights"

export const PRECISIONS: readonly Precision[] = ["fp32", "fp16", "int8", "int8-weights", "int4-weights"]

/** `blocks`: weights in the blocks of 4- or 8-bit integers that a GGUF file has them in; nothing is rounded again. */
export type FilePrecision = Precision | "blocks"
