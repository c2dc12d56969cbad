// Installs the engines that the benchmarks measure: npm run bench:setup, or a part: npm run bench:setup -- bm25 (or neural, generation).
// Safe to run again; what is there already stays.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { benchFolder, engines, OURS, pythonPath } from "./lib/engines.mjs"
import { neuralEngines, onnxPython, torchPython } from "./lib/neural/engines.mjs"
import { crossEncoderFolder, exportedFolder, miniLmFolder } from "./lib/neural/folders.mjs"

const at = (...parts) => join(benchFolder, ...parts)

function run(program, args, cwd = benchFolder) {
  console.error(`> ${[program, ...args].join(" ").replaceAll(benchFolder, "bench/")}`)
  return spawnSync(program, args, { cwd, stdio: ["ignore", 2, 2], shell: process.platform === "win32" }).status === 0
}

function works(program, args) {
  return spawnSync(program, args, { stdio: "ignore", shell: process.platform === "win32" }).status === 0
}

/** True when these files have the content with which the step was last done. */
function unchanged(stamp, files) {
  const hash = createHash("sha256")
  for (const file of files) hash.update(readFileSync(file))
  const digest = hash.digest("hex")
  return { done: existsSync(stamp) && readFileSync(stamp, "utf8") === digest, keep: () => writeFileSync(stamp, digest) }
}

/** A virtual environment with what a file of requirements names. `base`: another one whose packages are seen in it, unless it has its own. */
function setUpEnvironment(folder, program, requirements, without, base) {
  const python = ["python3", "python"].find((name) =>
    works(name, ["-c", "import sys, venv; sys.exit(sys.version_info < (3, 11))"]),
  )
  if (!python && !existsSync(program)) return `Python 3.11 or later with venv is missing: ${without}`
  if (!existsSync(program) && !run(python, ["-m", "venv", folder]))
    return `the Python virtual environment cannot be made: ${without}`
  if (base) writeFileSync(join(packagesOf(folder), "rankine-base.pth"), `${packagesOf(base)}\n`)
  const state = unchanged(join(folder, "rankine-requirements.sha256"), [at(requirements)])
  if (state.done) return undefined
  if (!run(program, ["-m", "pip", "install", "--quiet", "--requirement", at(requirements)]))
    return `pip could not install bench/${requirements}: ${without}`
  state.keep()
  return undefined
}

function packagesOf(environment) {
  if (process.platform === "win32") return join(environment, "Lib", "site-packages")
  const versions = readdirSync(join(environment, "lib")).filter((name) => name.startsWith("python"))
  return join(environment, "lib", versions[0], "site-packages")
}

const setUpPython = () => setUpEnvironment(at(".venv"), pythonPath, "requirements.txt", "no bm25s, no tantivy")

const setUpTorch = () =>
  setUpEnvironment(
    at(".venv", "neural"),
    torchPython,
    "requirements-neural.txt",
    "no sentence-transformers, no FlashRank",
  )

/** torch is several gigabytes: the second environment reads the first one's, and installs only what must be older. */
function setUpOnnx() {
  if (!existsSync(torchPython)) return "no sentence-transformers with ONNX without the first environment"
  const without = "no ONNX back end, and no ONNX files for the other peers"
  return setUpEnvironment(at(".venv", "onnx"), onnxPython, "requirements-onnx.txt", without, at(".venv", "neural"))
}

function exportModels() {
  const files = [exportedFolder, crossEncoderFolder].map((folder) => join(folder, "onnx", "model.onnx"))
  if (files.every((file) => existsSync(file))) return undefined
  if (!existsSync(miniLmFolder()))
    return "all-MiniLM-L6-v2 is neither in RANKINE_MODELS nor in ~/.cache/rankine/models: nothing to export"
  if (!existsSync(onnxPython)) return "the models cannot be exported without the Python environment"
  return run(onnxPython, [at("export_models.py"), miniLmFolder(), exportedFolder, crossEncoderFolder])
    ? undefined
    : "the models could not be exported to ONNX"
}

/** Packages of a folder. No scripts of packages run; what has to be compiled is compiled in a step of its own. */
function setUpPackages(...place) {
  const folder = at(...place)
  const stamp = join(folder, "node_modules", "rankine-package.sha256")
  const state = unchanged(stamp, [join(folder, "package.json")])
  if (!state.done) {
    if (!run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"], folder))
      return `npm could not install bench/${place.join("/")}`
    state.keep()
  }
  return undefined
}

function setUpSqlite() {
  const folder = at("peers", "node_modules", "better-sqlite3")
  if (!existsSync(folder)) return "better-sqlite3 is not installed: no fts5"
  if (existsSync(join(folder, "build", "Release", "better_sqlite3.node"))) return undefined
  console.error("compiling SQLite takes about a minute")
  return run("npm", ["run", "build-release"], folder)
    ? undefined
    : "better-sqlite3 does not compile (C++ compiler, make, Python): no fts5"
}

function setUpLucene() {
  if (!works("java", ["-version"]) || !works("mvn", ["-version"]))
    return "Java 17 or later and Maven are missing: no lucene"
  const folder = at("lucene")
  const sources = [join(folder, "pom.xml"), join(folder, "LuceneEngine.java")]
  const stamp = join(folder, "target", "rankine-sources.sha256")
  const state = unchanged(stamp, sources)
  if (state.done) return undefined
  if (!run("mvn", ["--quiet", "--batch-mode", "package"], folder))
    return "Maven could not build bench/lucene: no lucene"
  state.keep()
  return undefined
}

const steps = {
  bm25: [setUpPython, () => setUpPackages("peers"), setUpSqlite, setUpLucene],
  neural: [setUpTorch, setUpOnnx, exportModels],
  generation: [setUpTorch, () => setUpPackages("peers", "generation")],
}
const asked = process.argv.slice(2)
const unknown = asked.find((name) => !(name in steps))
if (unknown !== undefined) {
  console.error(
    `there is nothing to set up for ${unknown}: give ${Object.keys(steps).join(" or ")}, or nothing for all`,
  )
  process.exit(2)
}
const halves = asked.length > 0 ? asked : Object.keys(steps)
const problems = halves.flatMap((half) => steps[half].map((step) => step())).filter(Boolean)
if (halves.includes("bm25"))
  for (const engine of engines)
    if (engine.name !== OURS) console.log(`${engine.installed() ? "ready  " : "missing"} ${engine.name}`)
if (halves.includes("neural"))
  for (const engine of neuralEngines)
    if (!engine.own) console.log(`${engine.absence() ? "missing" : "ready  "} ${engine.name}`)
for (const problem of problems) console.log(problem)
