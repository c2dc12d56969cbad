/** Writes folders of LoRA adapters that PEFT loads. @module */
import { mkdir, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { RankineError } from "../../core/errors.js"
import { CONFIG_FILE, type PeftAdapter, type PeftFloat, type PeftLayer, PREFIX, WEIGHTS_FILE } from "./peft.js"
import { isPeftTarget, type PeftConfig, parsePeftConfig, peftFields, peftRank, peftScale } from "./peft-config.js"
import { fromFloat32 } from "./tensor-type.js"
import { type TensorToWrite, writeSafetensors } from "./write-safetensors.js"

/**
 * Writes adapter_config.json and adapter_model.safetensors into a folder, which is made where it is missing.
 *
 * What was read and not changed is written with the same names, types and bytes; fields of the configuration that are not known stay.
 * @throws RankineError `argument` where a layer has a rank, a scale or a name that the configuration does not give it, or arrays of
 *   another size than it says; `storage` where writing fails
 */
export async function writePeftAdapter(
  folder: string,
  adapter: Omit<PeftAdapter, "metadata"> & Partial<PeftAdapter>,
): Promise<void> {
  const { config, layers, saved } = adapter
  const tensors: TensorToWrite[] = []
  for (const [module, layer] of layers) {
    checkLayer(config, module, layer)
    const matrix = (half: string, values: Float32Array, shape: readonly number[]) => {
      const dtype: PeftFloat = layer.dtype ?? "F32"
      tensors.push({
        name: `${PREFIX}${module}.lora_${half}.weight`,
        dtype,
        shape,
        bytes: () => fromFloat32(values, dtype),
      })
    }
    matrix("A", layer.a, [layer.rank, layer.inputs])
    matrix("B", layer.b, [layer.outputs, layer.rank])
  }
  for (const [name, { dtype, shape, bytes }] of saved)
    tensors.push({ name: `${PREFIX}${name}`, dtype, shape, bytes: () => bytes })
  try {
    await mkdir(folder, { recursive: true })
    await writeSafetensors(join(folder, WEIGHTS_FILE), tensors, adapter.metadata ?? { format: "pt" })
    const partial = join(folder, `${CONFIG_FILE}.${process.pid}.partial`)
    await writeFile(partial, `${JSON.stringify(peftFields(config), null, 2)}\n`)
    await rename(partial, join(folder, CONFIG_FILE))
  } catch (cause) {
    if (cause instanceof RankineError) throw cause
    throw new RankineError("storage", `${folder} cannot be written: ${(cause as Error).message}`, { cause })
  }
}

/** What adapter_config.json says besides the layers. */
export interface PeftConfigOptions {
  /** The model that the adapter belongs to: a folder or a name of the hub. */
  readonly baseModel?: string
  /** Such as `CAUSAL_LM`, `SEQ_CLS`, `SEQ_2_SEQ_LM`. */
  readonly taskType?: string
  /** Default: the names of all layers, which fits no module besides them. */
  readonly targetModules?: readonly string[]
  readonly modulesToSave?: readonly string[]
}

/**
 * The configuration of layers of any ranks and scales: the most frequent ones for all, patterns for those that differ.
 * @throws RankineError `argument` without layers
 */
export function peftConfigOf(layers: ReadonlyMap<string, PeftLayer>, options: PeftConfigOptions = {}): PeftConfig {
  const rank = mostFrequent([...layers.values()].map((layer) => layer.rank))
  if (rank === undefined)
    throw new RankineError("argument", "an adapter without layers has no configuration: give some")
  const alphaOf = (layer: PeftLayer) => layer.scale * layer.rank
  const alpha = mostFrequent([...layers.values()].map(alphaOf))!
  const others = (of: (layer: PeftLayer) => number, usual: number) =>
    Object.fromEntries(
      [...layers].flatMap(([name, layer]) => (of(layer) === usual ? [] : [[exactly(name), of(layer)]])),
    )
  const raw = {
    peft_type: "LORA",
    task_type: options.taskType ?? null,
    base_model_name_or_path: options.baseModel ?? null,
    inference_mode: true,
    lora_dropout: 0,
    init_lora_weights: true,
    r: rank,
    lora_alpha: alpha,
    rank_pattern: others((layer) => layer.rank, rank),
    alpha_pattern: others(alphaOf, alpha),
    target_modules: options.targetModules ?? [...layers.keys()],
    modules_to_save: options.modulesToSave ?? null,
  }
  return parsePeftConfig(raw, "the adapter's configuration")
}

/** A pattern is a regular expression for the end of a name: this one begins where the name does. */
function exactly(name: string): string {
  return `^${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`
}

function checkLayer(config: PeftConfig, module: string, layer: PeftLayer): void {
  const { a, b, rank, inputs, outputs, scale } = layer
  const wrong = (what: string) =>
    new RankineError("argument", `layer ${module} ${what}: make its configuration with peftConfigOf`)
  if (a.length !== rank * inputs || b.length !== outputs * rank)
    throw new RankineError(
      "argument",
      `layer ${module} has ${a.length} and ${b.length} numbers where A is [${rank}, ${inputs}] and B [${outputs}, ${rank}]`,
    )
  if (!isPeftTarget(config, module)) throw wrong("is not among the target modules")
  const given = peftRank(config, module)
  if (given !== rank) throw wrong(`has rank ${rank}, and ${given} in the configuration`)
  const factor = peftScale(config, module, rank)
  if (Math.abs(factor - scale) > 1e-9 * Math.abs(scale))
    throw wrong(`has scale ${scale}, and ${factor} in the configuration`)
}

function mostFrequent(values: readonly number[]): number | undefined {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0]
}
