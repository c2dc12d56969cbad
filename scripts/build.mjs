// Builds dist/: the WebAssembly kernel first (it becomes a TypeScript module), then the declarations and JavaScript.
import { spawnSync } from "node:child_process"
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const require = createRequire(import.meta.url)

function run(script, args) {
  const result = spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: "inherit" })
  if (result.status !== 0) process.exit(result.status ?? 1)
}

function packageBin(name, bin) {
  const manifest = require.resolve(`${name}/package.json`, { paths: [root] })
  return join(dirname(manifest), bin)
}

// A production install of a git checkout has no compiler: `prepare` must not break it.
if (!existsSync(join(root, "node_modules/typescript"))) {
  console.error("build skipped: development dependencies are not installed")
  process.exit(0)
}

// Each kernel becomes a TypeScript module that carries it as text: no file to find at run time, nothing for a bundler to know.
for (const folder of ["retrievers/inverted", "retrievers/dense", "retrievers/late-interaction"]) {
  const source = join(folder, "kernel.as.ts")
  if (!existsSync(join(root, source))) continue
  const wasm = join(folder, "kernel.wasm")
  run(join(root, "node_modules/assemblyscript/bin/asc.js"), [
    source,
    "--outFile",
    wasm,
    "-O3",
    "--noAssert",
    "--runtime",
    "stub",
    "--importMemory",
    "--initialMemory",
    "1",
    "--maximumMemory",
    "65536",
    "--noExportMemory",
    // Names of functions, for profiles; they cost a kilobyte.
    "--debug",
    "--enable",
    "simd",
    "--enable",
    "bulk-memory",
    "--use",
    "abort=",
  ])
  const base64 = readFileSync(join(root, wasm)).toString("base64")
  writeFileSync(
    join(root, folder, "kernel.generated.ts"),
    `// Built from kernel.as.ts by scripts/build.mjs.\nexport const kernelBase64 =\n  "${base64}"\n`,
  )
}
if (process.argv[2] !== "kernel") {
  rmSync(join(root, "dist"), { recursive: true, force: true })
  run(packageBin("typescript", "bin/tsc"), ["-p", "tsconfig.build.json"])
  // Data that is read beside the module it belongs to.
  const prompts = readdirSync(join(root, "rerankers/prompts")).filter((file) => file.endsWith(".yaml"))
  for (const file of ["src/models/registry/models.yaml", ...prompts.map((file) => `rerankers/prompts/${file}`)])
    copyFileSync(join(root, file), join(root, "dist", file))
  const main = join(root, "dist/src/cli/main.js")
  if (existsSync(main)) chmodSync(main, 0o755)
}
