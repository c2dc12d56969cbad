/** Finds the weights of an architecture in a checkpoint and checks that they have the sizes that config.json makes them. @module */
import { RankineError } from "../../core/errors.js"
import type { Checkpoint, TensorInfo } from "../checkpoint/safetensors.js"

/** A weight's own name in the checkpoint, and where it lies. */
export interface Found {
  readonly stored: string
  readonly info: TensorInfo
}

/** The weights of one checkpoint, by their names without the model's prefix. */
export class Weights {
  constructor(
    readonly checkpoint: Checkpoint,
    /** Tried before a weight's name; the same layers are saved with and without the model's name in front. */
    private readonly prefixes: readonly string[],
  ) {}

  find(name: string): Found | undefined {
    for (const stored of this.#candidates(name)) {
      const info = this.checkpoint.tensors.get(stored)
      if (info) return { stored, info }
    }
    return undefined
  }

  /** Throws `data` where the weight is missing. */
  require(name: string): Found {
    const found = this.find(name)
    if (found) return found
    const tried = this.#candidates(name).join(", ")
    throw new RankineError(
      "data",
      `${this.checkpoint.files.join(", ")}: no weight ${name} (looked for ${tried}): it is not of the architecture in config.json`,
    )
  }

  /** Throws `data` where the weight is missing or has another shape. */
  expect(name: string, shape: readonly number[]): Found {
    const found = this.require(name)
    const { stored, info } = found
    if (info.shape.length !== shape.length || info.shape.some((size, axis) => size !== shape[axis]))
      throw new RankineError(
        "data",
        `${info.file}: weight ${stored} has shape [${info.shape.join(", ")}] where config.json makes it [${shape.join(", ")}]`,
      )
    return found
  }

  #candidates(name: string): string[] {
    // Checkpoints converted from TensorFlow call a layer norm's weight and bias gamma and beta.
    const older = name.replace(/(layer_?norm)\.weight$/i, "$1.gamma").replace(/(layer_?norm)\.bias$/i, "$1.beta")
    const names = older === name ? [name] : [name, older]
    return names.flatMap((each) => ["", ...this.prefixes].map((prefix) => prefix + each))
  }
}
