/** The engines: how each starts, and what it is kept out of. @module */
import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

export const benchFolder = fileURLToPath(new URL("..", import.meta.url))
const at = (...parts) => join(benchFolder, ...parts)

/** JavaScript peers keep postings in objects and maps: beyond this many documents they take minutes and gigabytes. */
const JAVASCRIPT_LIMIT = 10_000

export const pythonPath =
  process.platform === "win32" ? at(".venv", "Scripts", "python.exe") : at(".venv", "bin", "python")

function node(name, needed, extra = {}) {
  return {
    name,
    language: "JavaScript",
    command: [process.execPath, "--expose-gc", "--max-old-space-size=8192", at("engines", `${name}.mjs`)],
    installed: () => existsSync(needed),
    maximumDocuments: JAVASCRIPT_LIMIT,
    long: false,
    ...extra,
  }
}

const peer = (name) => at("peers", "node_modules", name)

function python(name) {
  return {
    name,
    language: "Python",
    command: [pythonPath, at("engines", `${name}_engine.py`)],
    installed: () => existsSync(pythonPath),
    maximumDocuments: Number.POSITIVE_INFINITY,
    long: true,
  }
}

export const OURS = "rankine"

const distFolder = () => process.env.RANKINE_BENCH_DIST || join(benchFolder, "..", "dist")

export const engines = [
  node(OURS, "", {
    installed: () => existsSync(join(distFolder(), "retrievers", "bm25", "index.js")),
    maximumDocuments: Number.POSITIVE_INFINITY,
    long: true,
    remedy: "npm run build",
  }),
  python("bm25s"),
  {
    name: "lucene",
    language: "Java",
    // One heap size for every collection, one collector thread; the JIT compiler stays as it is.
    command: [
      "java",
      "-Xmx6g",
      "-XX:+UseSerialGC",
      "-cp",
      [at("lucene", "target", "classes"), at("lucene", "target", "libraries", "*")].join(delimiter),
      "LuceneEngine",
    ],
    installed: () => existsSync(at("lucene", "target", "classes", "LuceneEngine.class")),
    maximumDocuments: Number.POSITIVE_INFINITY,
    long: true,
  },
  python("tantivy"),
  node("fts5", join(peer("better-sqlite3"), "build", "Release", "better_sqlite3.node"), {
    language: "C",
    maximumDocuments: Number.POSITIVE_INFINITY,
  }),
  node("minisearch", peer("minisearch")),
  node("orama", join(peer("@orama"), "orama")),
  node("elasticlunr", peer("elasticlunr")),
  node("wink", peer("wink-bm25-text-search")),
]

/** The variables by which libraries are told how many threads to start. */
export const threadLimits = (threads) =>
  Object.freeze({
    OMP_NUM_THREADS: String(threads),
    OPENBLAS_NUM_THREADS: String(threads),
    MKL_NUM_THREADS: String(threads),
    NUMEXPR_NUM_THREADS: String(threads),
    NUMBA_NUM_THREADS: String(threads),
    RAYON_NUM_THREADS: String(threads),
    UV_THREADPOOL_SIZE: String(threads),
    PYTHONDONTWRITEBYTECODE: "1",
    NODE_OPTIONS: "",
  })

/** One thread for every library that would start more. */
export const oneThread = threadLimits(1)

/** Why an engine does not take part in a collection, or undefined when it does. */
export function absence(engine, collection) {
  if (!engine.installed()) return `not installed (${engine.remedy ?? "npm run bench:setup"})`
  if (collection.documents > engine.maximumDocuments)
    return `left out above ${engine.maximumDocuments.toLocaleString("en")} documents`
  if (collection.long && !engine.long) return "left out of long queries"
  return undefined
}
