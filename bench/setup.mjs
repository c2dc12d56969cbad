// Installs the engines that bench:bm25 measures: npm run bench:setup. Safe to run again; what is there already stays.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { benchFolder, engines, OURS, pythonPath } from "./lib/engines.mjs"

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

function setUpPython() {
  const python = ["python3", "python"].find((name) =>
    works(name, ["-c", "import sys, venv; sys.exit(sys.version_info < (3, 11))"]),
  )
  if (!python && !existsSync(pythonPath)) return "Python 3.11 or later with venv is missing: no bm25s, no tantivy"
  if (!existsSync(pythonPath) && !run(python, ["-m", "venv", at(".venv")]))
    return "the Python virtual environment cannot be made"
  const state = unchanged(at(".venv", "rankine-requirements.sha256"), [at("requirements.txt")])
  if (state.done) return undefined
  if (!run(pythonPath, ["-m", "pip", "install", "--quiet", "--requirement", at("requirements.txt")]))
    return "pip could not install bench/requirements.txt"
  state.keep()
  return undefined
}

function setUpJavaScript() {
  const folder = at("peers")
  const stamp = join(folder, "node_modules", "rankine-package.sha256")
  const state = unchanged(stamp, [join(folder, "package.json")])
  if (!state.done) {
    // No scripts of packages run; the one that has to be compiled is compiled below.
    if (!run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"], folder))
      return "npm could not install bench/peers"
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

const problems = [setUpPython, setUpJavaScript, setUpSqlite, setUpLucene].map((step) => step()).filter(Boolean)
for (const engine of engines)
  if (engine.name !== OURS) console.log(`${engine.installed() ? "ready  " : "missing"} ${engine.name}`)
for (const problem of problems) console.log(problem)
