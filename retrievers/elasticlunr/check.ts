/** What an index file must look like, checked before the library sees it: it would take anything. @module */
import { RankineError } from "../../src/core/index.js"
import { library } from "./library.js"
import { isInherited } from "./references.js"

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

function malformed(source: string, what: string): RankineError {
  return new RankineError(
    "data",
    `${source} is not an elasticlunr index: ${what}. Write it with JSON.stringify(index) or with save()`,
  )
}

/**
 * Checks a parsed index and mends what the library itself gets wrong: it counts the occurrences of the word "constructor" as NaN, which JSON keeps
 * as null; such a count becomes 1. Returns how many were mended.
 * Throws `data` for anything else that does not fit, `index-version` for a file of another library version.
 */
export function checkIndex(data: unknown, source: string): number {
  if (!isObject(data)) throw malformed(source, "the top level must be an object")
  const { version, fields, ref, documentStore, index, pipeline } = data
  if (typeof version !== "string") throw malformed(source, '"version" is missing')
  const series = (text: string) => text.split(".").slice(0, 2).join(".")
  if (series(version) !== series(library.version))
    throw new RankineError(
      "index-version",
      `${source} was written by elasticlunr ${version}, and this is ${library.version}: build the index again`,
    )
  if (!Array.isArray(fields) || fields.length === 0 || !fields.every((field) => typeof field === "string"))
    throw malformed(source, '"fields" must be a list of names')
  if (typeof ref !== "string") throw malformed(source, '"ref" must name the property that holds the id')
  checkPipeline(pipeline, source)
  const docs = checkStore(documentStore, source)
  if (!isObject(index)) throw malformed(source, '"index" is missing')
  let mended = 0
  for (const field of fields as string[]) {
    const inverted = Object.hasOwn(index, field) ? index[field] : undefined
    if (!isObject(inverted)) throw malformed(source, `"index" has no field "${field}"`)
    mended += checkTrie(inverted.root, docs, `${source}, field "${field}"`)
  }
  return mended
}

function checkPipeline(pipeline: unknown, source: string): void {
  if (!Array.isArray(pipeline)) throw malformed(source, '"pipeline" must be a list of function labels')
  for (const label of pipeline as unknown[])
    if (typeof label !== "string" || isInherited(label) || !library.Pipeline.getRegisteredFunction(label))
      throw new RankineError(
        "data",
        `${source} was built with the pipeline function ${JSON.stringify(label)}, which is not known here: ` +
          "pass it to registerPipelineFunction(label, function) first",
      )
}

function checkStore(store: unknown, source: string): Json {
  if (!isObject(store) || !isObject(store.docs) || !isObject(store.docInfo))
    throw malformed(source, '"documentStore" must hold "docs" and "docInfo"')
  const { docs, docInfo } = store
  const references = Object.keys(docs)
  if (store.length !== references.length)
    throw malformed(source, `"documentStore" announces ${store.length} documents and holds ${references.length}`)
  for (const reference of references) {
    // The library damages the postings of such a document while indexing, so there is nothing to be saved.
    if (isInherited(reference))
      throw new RankineError(
        "data",
        `${source} holds a document with the id "${reference}", which elasticlunr cannot index: build it again with ElasticlunrRetriever.build`,
      )
    if (docs[reference] !== null && !isObject(docs[reference]))
      throw malformed(source, `document "${reference}" must be an object, or null where documents are not stored`)
    if (!Object.hasOwn(docInfo, reference) || !isObject(docInfo[reference]))
      throw malformed(source, `"docInfo" lacks the field lengths of document "${reference}"`)
  }
  return docs
}

function checkTrie(root: unknown, docs: Json, source: string): number {
  let mended = 0
  const stack: unknown[] = [root]
  while (stack.length > 0) {
    const node = stack.pop()
    if (!isObject(node) || !isObject(node.docs) || typeof node.df !== "number")
      throw malformed(source, "every node of the index needs docs and df")
    for (const [reference, posting] of Object.entries(node.docs)) {
      if (!Object.hasOwn(docs, reference))
        throw malformed(source, `a word is said to occur in document "${reference}", which is not there`)
      if (!isObject(posting)) throw malformed(source, `the posting of document "${reference}" must be an object`)
      if (posting.tf === null) {
        ;(posting as { tf: number }).tf = 1
        mended++
      } else if (typeof posting.tf !== "number" || !(posting.tf > 0))
        throw malformed(source, `the count of a word in document "${reference}" must be above 0`)
    }
    for (const key of Object.keys(node)) if (key !== "docs" && key !== "df") stack.push(node[key])
  }
  return mended
}
