// Makes assets/mbpp, the judged collection that the package carries, from Google Research's mbpp.jsonl:
//   node scripts/make-assets.mjs path/to/mbpp.jsonl
// A query is a problem's statement, a document is a solution. The solution is kept as it is, with line ends made uniform; tests and
// set-up code are left out, and nothing of the statement goes into the document, which would give the answer away.
// Four statements occur twice: each of their queries has both solutions as answers, for nothing tells them apart.
import { createHash } from "node:crypto"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"

const LIMIT = 300_000
const input = process.argv[2]
if (!input) {
  console.error("usage: node scripts/make-assets.mjs path/to/mbpp.jsonl")
  process.exit(2)
}
const output = join(dirname(dirname(fileURLToPath(import.meta.url))), "assets", "mbpp")

const problems = readFileSync(input, "utf8")
  .split("\n")
  .filter((line) => line.trim() !== "")
  .map((line) => JSON.parse(line))
  .sort((left, right) => left.task_id - right.task_id)
const documentId = (problem) => `mbpp-${problem.task_id}`
const answers = new Map()
for (const problem of problems) answers.set(problem.text, [...(answers.get(problem.text) ?? []), documentId(problem)])

const lines = (records) => `${records.map((record) => JSON.stringify(record)).join("\n")}\n`
const corpus = lines(
  problems.map((problem) => ({ _id: documentId(problem), title: "", text: problem.code.replace(/\r\n?/g, "\n") })),
)
const queries = lines(problems.map((problem) => ({ _id: `q-${problem.task_id}`, text: problem.text })))
const judgements = problems.flatMap((problem) =>
  answers.get(problem.text).map((id) => `q-${problem.task_id}\t${id}\t1`),
)
const qrels = `${["query-id\tcorpus-id\tscore", ...judgements].join("\n")}\n`

rmSync(output, { recursive: true, force: true })
mkdirSync(join(output, "qrels"), { recursive: true })
let total = 0
const write = (path, text) => {
  const bytes = path.endsWith(".gz") ? gzipSync(text, { level: 9 }) : text
  total += bytes.length
  writeFileSync(join(output, path), bytes)
  console.log(`${path}: ${bytes.length} bytes, sha256 of the text ${createHash("sha256").update(text).digest("hex")}`)
}
write("corpus.jsonl.gz", corpus)
write("queries.jsonl.gz", queries)
write("qrels/test.tsv.gz", qrels)
console.log(`${problems.length} problems, ${judgements.length} judgements, ${total} bytes`)
if (total > LIMIT) {
  console.error(`the assets exceed ${LIMIT} bytes`)
  process.exit(1)
}
