// Makes assets/models, the models that the package carries, from their originals (after `npm run build`):
//   node scripts/make-model-assets.mjs path/to/potion-base-4M-int8 path/to/splade-tiny
// The static model is copied as it is published, int8. Of the sparse encoder the matrices become int8 with a scale for each row.
import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { quantizeCheckpoint } from "rankine/models"

const LIMIT = 10_000_000
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [potion, splade] = process.argv.slice(2)
if (!potion || !splade) {
  console.error("usage: node scripts/make-model-assets.mjs path/to/potion-base-4M-int8 path/to/splade-tiny")
  process.exit(2)
}
const output = join(root, "assets", "models")
rmSync(output, { recursive: true, force: true })

const static4M = join(output, "potion-base-4M")
mkdirSync(static4M, { recursive: true })
for (const file of ["config.json", "tokenizer.json", "model.safetensors", "LICENSE"])
  copyFileSync(join(potion, file), join(static4M, file))

const sparse = join(output, "splade-tiny")
await quantizeCheckpoint(splade, sparse)
rmSync(join(sparse, "SOURCE.txt"), { force: true })
// Both are under the Apache License 2.0; its text is the package's own.
cpSync(join(root, "LICENSE"), join(sparse, "LICENSE"))

let total = 0
for (const model of readdirSync(output))
  for (const file of readdirSync(join(output, model))) {
    const { size } = statSync(join(output, model, file))
    total += size
    console.log(`${model}/${file}: ${size} bytes`)
  }
console.log(`${total} bytes in all`)
if (total > LIMIT) {
  console.error(`the assets exceed ${LIMIT} bytes`)
  process.exit(1)
}
