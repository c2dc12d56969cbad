/** Who takes training steps, on which models. @module */
import { existsSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { benchFolder } from "../engines.mjs"
import { torchPython } from "../neural/engines.mjs"
import { crossEncoderFolder } from "../neural/folders.mjs"
import { hasOurs } from "../ours.mjs"

const at = (...parts) => join(benchFolder, ...parts)
const models = process.env.RANKINE_MODELS || join(homedir(), ".cache", "rankine", "models")

/** The Python with torch and PEFT: RANKINE_BENCH_PYTHON, or the environment that bench:setup makes for neural models. */
export const trainingPython = () => process.env.RANKINE_BENCH_PYTHON || torchPython

export const OURS = "rankine"
export const TORCH = "torch"

const own = (name, label, load) => ({
  name,
  label,
  command: [process.execPath, at("engines", "training", "rankine.mjs")],
  absence: () =>
    hasOurs("src/models/training-graph/index.js") ? undefined : "this build has no training graphs (npm run build)",
  load,
})

const torch = (name, label, load) => ({
  name,
  label,
  command: [trainingPython(), at("peers", "training_step.py")],
  absence: () => (existsSync(trainingPython()) ? undefined : "not installed (npm run bench:setup -- neural, and peft)"),
  load: { dropout: false, checkpointing: false, ...load },
})

export const trainingEngines = [
  own(OURS, "rankine", { recompute: false }),
  own("rankine-recompute", "rankine, layers computed again", { recompute: true }),
  torch(TORCH, "torch + PEFT", {}),
  torch("torch-dropout", "torch + PEFT, dropout as published", { dropout: true }),
  torch("torch-checkpointing", "torch + PEFT, gradient checkpointing", { checkpointing: true }),
]

/** `rows` texts of `length` tokens each. */
export const workloads = [
  {
    name: "minilm",
    title: "all-MiniLM-L6-v2 as a cross-encoder, 16 × 256 tokens",
    kind: "encoder",
    rows: 16,
    length: 256,
    // What bench:setup makes of all-MiniLM-L6-v2: the same transformer with one random score on top.
    folder: () => crossEncoderFolder,
    remedy: "npm run bench:setup -- neural",
    engines: trainingEngines.map(({ name }) => name),
  },
  {
    name: "smollm2",
    title: "SmolLM2-135M-Instruct, 4 × 256 tokens, loss on the last token",
    kind: "decoder",
    rows: 4,
    length: 256,
    gguf: join(models, "SmolLM2-135M-Instruct", "model.gguf"),
    folder: () => at("results", "cache", "training", "SmolLM2-135M-Instruct"),
    remedy: "put SmolLM2-135M-Instruct/model.gguf into RANKINE_MODELS",
    // It is published without dropout.
    engines: trainingEngines.map(({ name }) => name).filter((name) => name !== "torch-dropout"),
  },
]
