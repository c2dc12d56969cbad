/** The engines that write answers: how each starts, and what it needs. @module */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { benchFolder } from "../../lib/engines.mjs"
import { torchPython } from "../../lib/neural/engines.mjs"
import { hasOurs } from "../../lib/ours.mjs"

const here = import.meta.dirname
const built = () => (hasOurs("src/models/generation/index.js") ? undefined : "not built (npm run build)")

const own = (name, label, precision) => ({
  name,
  label,
  own: true,
  command: [process.execPath, "--expose-gc", join(here, "rankine.mjs")],
  absence: built,
  load: { precision },
})

export const LLAMA = "node-llama-cpp"
export const OURS = "rankine-blocks"
const INSTALL = "npm install --prefix bench/peers/generation --ignore-scripts"

const python = () => process.env.RANKINE_BENCH_PYTHON ?? torchPython

export const generationEngines = [
  own(OURS, "rankine, the file's blocks", "blocks"),
  own("rankine-fp32", "rankine, fp32", "fp32"),
  own("rankine-int8", "rankine, int8", "int8"),
  own("rankine-int4", "rankine, int4-weights", "int4-weights"),
  {
    name: LLAMA,
    label: "node-llama-cpp, the same file",
    command: [process.execPath, join(here, "node-llama-cpp.mjs")],
    absence: () =>
      existsSync(join(here, "node_modules", "node-llama-cpp")) ? undefined : `not installed (${INSTALL})`,
    load: {},
  },
  {
    name: "torch",
    label: "transformers on torch, fp32",
    command: [python(), join(here, "transformers_engine.py")],
    absence: () => (existsSync(python()) ? undefined : "not installed (npm run bench:setup -- neural)"),
    load: {},
    /** Reads a folder with the same weights as floats. */
    floats: true,
  },
]

export const unmeasured = [
  {
    engine: "transformers.js",
    reason: "reads its own ONNX exports only, and there is none of these weights",
  },
]

export const cacheFolder = join(benchFolder, "results", "cache", "generation")
