/** The numbers that LoRA begins with. @module */
import { Random } from "../../core/random.js"
import { type Tensor, tensor } from "../../onnx/tensor.js"
import { type LinearLayer, loraInputs } from "../encoder/adapter-slot.js"

export interface LoraStart {
  /** Default 8. */
  readonly rank?: number
  /** The product of both matrices is multiplied with alpha / rank. Default: twice the rank. */
  readonly alpha?: number
  /** Default 0. */
  readonly seed?: number
}

/**
 * Inputs for the slots of `attachLora`: A uniform within ±1/√inputs, B zero, so that the first result is the model's own.
 * @see Hu et al., LoRA: Low-rank adaptation of large language models, 2022, section 4.1; PEFT draws A from the same range
 */
export function loraTensors(
  layers: readonly LinearLayer[],
  { rank = 8, alpha = 2 * rank, seed = 0 }: LoraStart = {},
): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = {}
  for (const { module, inputs, outputs } of layers) {
    const random = new Random(seed, `lora ${module}`)
    const bound = 1 / Math.sqrt(inputs)
    const a = Float32Array.from({ length: rank * inputs }, () => (2 * random.float() - 1) * bound)
    const names = loraInputs(module)
    tensors[names.a] = tensor("float32", a, [rank, inputs])
    tensors[names.b] = tensor("float32", new Float32Array(outputs * rank), [outputs, rank])
    tensors[names.scale] = tensor("float32", Float32Array.of(alpha / rank), [])
  }
  return tensors
}
