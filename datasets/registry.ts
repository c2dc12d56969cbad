/** What is known of public collections: where they lie, how large they are, and what their scores depend on. @module */

/** One collection. `url` is relative to the base address; without it the collection is not fetched by name. */
export interface DatasetEntry {
  readonly name: string
  readonly suite: "BEIR" | "BRIGHT" | "R2MED" | "TREC DL" | "BIRCO" | "bundled"
  /** Other spellings: case and punctuation never matter. */
  readonly aliases?: readonly string[]
  readonly url?: string
  /** MD5 of the archive, as published in BEIR's README. */
  readonly md5?: string
  /** Size of the archive. */
  readonly bytes?: number
  readonly documents?: number
  readonly queries?: number
  readonly splits: readonly string[]
  readonly defaultSplit?: string
  /**
   * A query's own id is excluded from its ranking. BEIR (`ignore_identical_ids`) and Anserini (`-removeQuery`) do so on all of
   * BEIR; it changes scores on ArguAna, Quora and CQADupStack, whose queries are documents too. Elsewhere equal numbers mean nothing.
   */
  readonly excludeIdentical?: boolean
  readonly threshold?: number
  readonly note?: string
  readonly measures?: readonly string[]
  /** Names of the folders whose mean this collection is. */
  readonly parts?: readonly string[]
  /** Who may use it, as far as its makers say. */
  readonly terms: string
}

/** The public server of BEIR (Thakur et al., NeurIPS 2021 Datasets and Benchmarks). */
export const BEIR_BASE_URL = "https://public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets"

export const DEFAULT_MEASURES: readonly string[] = ["nDCG@10", "R@100", "RR@10", "AP"]

export const CQADUPSTACK_FORUMS: readonly string[] = [
  "android",
  "english",
  "gaming",
  "gis",
  "mathematica",
  "physics",
  "programmers",
  "stats",
  "tex",
  "unix",
  "webmasters",
  "wordpress",
]

type BeirRow = [
  name: string,
  md5: string,
  bytes: number,
  documents: number,
  queries: number,
  splits: string,
  terms: string,
]

// Figures: BEIR's README; ir_datasets checks the same sums, and gives the sizes.
// FiQA has 38 documents with neither title nor text, hence 57,600 in indexes that drop them.
const beirRows: readonly BeirRow[] = [
  [
    "msmarco",
    "444067daf65d982533ea17ebd59501e4",
    1082258632,
    8841823,
    6980,
    "train dev test",
    "non-commercial research use",
  ],
  ["trec-covid", "ce62140cb23feb9becf6270d0d1fe6d1", 73876720, 171332, 50, "test", "see ir.nist.gov/covidSubmit"],
  ["nfcorpus", "a89dba18a62ef92f7d323ec890a0d38d", 2448432, 3633, 323, "train dev test", "free for academic research"],
  ["nq", "d4d3d2e48787a744b6f6e691ff534307", 498307926, 2681468, 3452, "train test", "CC BY-SA 3.0"],
  ["hotpotqa", "f412724f78b0d91183a0e86805e16114", 654025350, 5233329, 7405, "train dev test", "CC BY-SA 4.0"],
  [
    "fiqa",
    "17918ed23cd04fb15047f73e6c3bd9d9",
    17948027,
    57638,
    648,
    "train dev test",
    "see sites.google.com/view/fiqa",
  ],
  [
    "arguana",
    "8ad3e3c2a5867cdced806d6503f29b99",
    3773617,
    8674,
    1406,
    "test",
    "see argumentation.bplaced.net/arguana/data",
  ],
  [
    "webis-touche2020",
    "46f650ba5a527fc69e0a6521c5a23563",
    227132363,
    382545,
    49,
    "test",
    "see webis.de/events/touche-20",
  ],
  ["quora", "18fb154900ba42a600f84b839c173167", 15853968, 522931, 10000, "dev test", "see quoradata.quora.com"],
  ["dbpedia-entity", "c2a39eb420a3164af735795df012ac2c", 639285131, 4635922, 400, "dev test", "CC BY-SA 3.0"],
  ["scidocs", "38121350fc3a4d2f48850f6aff52e4a9", 142471588, 25657, 1000, "test", "see github.com/allenai/scidocs"],
  ["fever", "5a818580227bfb4b35bb6fa46d9b6c03", 1236988269, 5416568, 6666, "train dev test", "CC BY-SA 3.0"],
  ["climate-fever", "8b66f0a9126c521bae2bde127b4dc99d", 1228666652, 5416593, 1535, "test", "see climatefever.ai"],
  [
    "scifact",
    "5f7d1de60b170fc8027bb7898e2efca1",
    2816079,
    5183,
    300,
    "train test",
    "claims CC BY 4.0, abstracts ODC-By 1.0",
  ],
]

const beir: readonly DatasetEntry[] = [
  ...beirRows.map(([name, md5, bytes, documents, queries, splits, terms]) => ({
    name,
    suite: "BEIR" as const,
    url: `${name}.zip`,
    md5,
    bytes,
    documents,
    queries,
    splits: splits.split(" "),
    excludeIdentical: true,
    terms,
    // BEIR reports MS MARCO on dev; its test split is TREC DL 2019.
    ...(name === "msmarco" ? { defaultSplit: "dev" } : {}),
  })),
  {
    name: "cqadupstack",
    suite: "BEIR",
    url: "cqadupstack.zip",
    md5: "4e41456d7df8ee7760a7f866133bda78",
    bytes: 5343728040,
    documents: 457199,
    queries: 13145,
    splits: ["test"],
    excludeIdentical: true,
    parts: CQADUPSTACK_FORUMS,
    note: "the mean of twelve forums, each searched on its own",
    terms: "CC BY-SA (Stack Exchange)",
  },
  ...CQADUPSTACK_FORUMS.map((forum) => ({
    name: `cqadupstack-${forum}`,
    suite: "BEIR" as const,
    splits: ["test"],
    excludeIdentical: true,
    terms: "CC BY-SA (Stack Exchange)",
  })),
]

const brightDocuments: Readonly<Record<string, number>> = {
  biology: 57359,
  earth_science: 121249,
  economics: 50220,
  psychology: 52835,
  robotics: 61961,
  stackoverflow: 107081,
  sustainable_living: 60792,
  leetcode: 413932,
  pony: 7894,
  aops: 188002,
  theoremqa_questions: 188002,
  theoremqa_theorems: 23839,
}

const bright: readonly DatasetEntry[] = [
  {
    name: "bright",
    suite: "BRIGHT",
    queries: 1384,
    splits: ["test"],
    measures: ["nDCG@10"],
    parts: Object.keys(brightDocuments),
    note: "the mean of twelve tasks; excluded_ids are removed before a ranking is cut",
    terms: "CC BY 4.0",
  },
  ...Object.entries(brightDocuments).map(([task, documents]) => ({
    name: `bright-${task}`,
    suite: "BRIGHT" as const,
    documents,
    splits: ["test"],
    measures: ["nDCG@10"],
    terms: "CC BY 4.0",
  })),
]

const R2MED_TASKS: readonly string[] = [
  "Biology",
  "Bioinformatics",
  "Medical-Sciences",
  "MedXpertQA-Exam",
  "MedQA-Diag",
  "PMC-Treatment",
  "PMC-Clinical",
  "IIYi-Clinical",
]

const r2med: readonly DatasetEntry[] = [
  {
    name: "r2med",
    suite: "R2MED",
    queries: 876,
    splits: ["test"],
    measures: ["nDCG@10"],
    parts: R2MED_TASKS,
    note: "the mean of eight tasks",
    terms: "CC BY 4.0",
  },
  ...R2MED_TASKS.map((task) => ({
    name: `r2med-${task.toLowerCase()}`,
    suite: "R2MED" as const,
    splits: ["test"],
    measures: ["nDCG@10"],
    terms: "CC BY 4.0",
  })),
]

/** NIST's qrels are graded 0 to 3; by the track's guidelines a passage counts as relevant from grade 2 on. */
const trecDl: readonly DatasetEntry[] = [
  { year: 19, queries: 43 },
  { year: 20, queries: 54 },
  { year: 21, queries: 53 },
  { year: 22, queries: 76 },
  { year: 23, queries: 82 },
].map(({ year, queries }) => ({
  name: `trec-dl-20${year}`,
  suite: "TREC DL",
  aliases: [`trec_dl${year}`, `dl${year}`, `trec-dl-20${year}-passage`, `dl${year}-passage`, `trec-dl-${year}`],
  queries,
  splits: ["test"],
  threshold: 2,
  note: "grades 0 to 3; measures that know only relevant or not count from grade 2 on (rel=2)",
  measures: ["nDCG@10", "R(rel=2)@100", "RR(rel=2)@10", "AP(rel=2)"],
  terms: "MS MARCO passages: non-commercial research use",
}))

const birco: readonly DatasetEntry[] = [
  {
    name: "birco-doris-mae",
    suite: "BIRCO",
    aliases: ["doris_mae", "doris-mae"],
    splits: ["dev", "test"],
    measures: ["nDCG@10"],
    note: "grades are means over annotators, with fractions: use measures with gains",
    terms: "CC BY-NC 4.0",
  },
  {
    name: "birco-arguana",
    suite: "BIRCO",
    splits: ["test"],
    measures: ["nDCG@10"],
    excludeIdentical: true,
    terms: "CC BY-NC 4.0",
  },
]

const bundled: readonly DatasetEntry[] = [
  {
    name: "mbpp",
    suite: "bundled",
    documents: 974,
    queries: 974,
    splits: ["test"],
    note: "problem statements in English against their solutions in Python; comes with the package",
    terms: "CC BY 4.0",
  },
]

const registry: readonly DatasetEntry[] = [...bundled, ...beir, ...bright, ...r2med, ...trecDl, ...birco]

const normalise = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "")

const byName = new Map<string, DatasetEntry>()
for (const entry of registry)
  for (const name of [entry.name, ...(entry.aliases ?? [])]) byName.set(normalise(name), entry)

/** Every collection that Rankine knows; those with a `url` can be fetched by name. */
export function listDatasets(): readonly DatasetEntry[] {
  return registry
}

/** The entry of a name in any spelling. */
export function findEntry(name: string): DatasetEntry | undefined {
  return byName.get(normalise(name))
}
