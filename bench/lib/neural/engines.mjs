/** The engines that embed texts and score pairs: how each starts, and what it needs. @module */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { benchFolder } from "../engines.mjs"
import { hasOurs, rootFolder } from "../ours.mjs"

const at = (...parts) => join(benchFolder, ...parts)

function interpreter(folder) {
  return process.platform === "win32" ? join(folder, "Scripts", "python.exe") : join(folder, "bin", "python")
}

/** torch and the newest sentence-transformers; and the one whose ONNX back end can be installed (its exporter refuses newer ones). */
export const torchPython = interpreter(at(".venv", "neural"))
export const onnxPython = interpreter(at(".venv", "onnx"))

const SETUP = "npm run bench:setup"

function node(name, label, tasks, needed, settings = {}) {
  const { adapter = name, remedy = SETUP, own = false, ...rest } = settings
  return {
    name,
    label,
    tasks,
    command: [process.execPath, "--expose-gc", at("engines", "neural", `${adapter}.mjs`)],
    own,
    absence: () => (needed() ? undefined : `not installed (${remedy})`),
    load: rest,
  }
}

function python(name, label, tasks, program, settings = {}) {
  const { adapter = name, ...rest } = settings
  return {
    name,
    label,
    tasks,
    command: [program, at("engines", "neural", `${adapter}_engine.py`)],
    absence: () => (existsSync(program) ? undefined : `not installed (${SETUP})`),
    load: rest,
  }
}

const built = () => hasOurs("src/models/index.js")

export const OURS = "rankine-fp32"
export const OURS_INT8 = "rankine-int8"
export const TORCH = "st-torch"

/** `tasks`: what an engine takes part in; `load`: what it is told beside folders, threads and lengths. */
export const neuralEngines = [
  node(OURS, "rankine, fp32", ["embed", "memory", "score"], built, {
    adapter: "rankine",
    precision: "fp32",
    own: true,
    remedy: "npm run build",
  }),
  node(OURS_INT8, "rankine, int8", ["embed", "memory", "score"], built, {
    adapter: "rankine",
    precision: "int8",
    own: true,
    remedy: "npm run build",
  }),
  // What padding everything to the longest costs, by our own graph: nothing else differs from the first row.
  node("one-forward", "rankine, fp32, one forward for all", ["memory"], built, {
    adapter: "rankine",
    precision: "fp32",
    batch: { maxTokens: 2 ** 30, maxRows: 2 ** 20 },
    own: true,
    remedy: "npm run build",
  }),
  python(TORCH, "sentence-transformers, torch", ["embed", "memory", "score"], torchPython, {
    adapter: "sentence_transformers",
    backend: "torch",
  }),
  python("st-onnx", "sentence-transformers, ONNX", ["embed", "memory", "score"], onnxPython, {
    adapter: "sentence_transformers",
    backend: "onnx",
  }),
  node(
    "transformers.js",
    "transformers.js, one call",
    ["embed", "memory", "score"],
    () => existsSync(join(rootFolder, "node_modules", "@huggingface", "transformers")),
    { adapter: "transformers_js", remedy: "npm install" },
  ),
  python("flashrank", "FlashRank, one forward a query", ["score"], torchPython),
]

/** Engines that cannot be measured, with the reason for the table. */
export const unmeasured = [
  { engine: "node-llama-cpp", tasks: ["score"], absent: "not measured: no GGUF reranker is at hand" },
]
